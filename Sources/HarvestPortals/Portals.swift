public import HarvestCore

/// The portals that are built in, in the order in which they are asked: one line each. `WebPage`
/// takes any page and stands last.
public enum Portals {
    public static let all: [any Portal] = [
        EPFL(),
        OpenOrganelle(),
        IDR(),
        EMPIAR(),
        Neuroglancer(),
        WebPage(),
    ]
}

public import HarvestCore

/// The portals, one line each.
public enum Portals {
    public static let all: [any Portal] = [
        EPFL(),
        OpenOrganelle(),
    ]
}

public import HarvestCore

/// The portals that are built in: one line each.
public enum Portals {
    public static let all: [any Portal] = [
        EPFL(),
        OpenOrganelle(),
    ]
}

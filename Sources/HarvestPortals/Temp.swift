public import HarvestCore
public enum Portals { public static let all: [any Portal] = [] }

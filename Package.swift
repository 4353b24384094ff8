// swift-tools-version: 6.3
import PackageDescription

/// What LazyLibraries stands in for is left out of the link.
let withoutLibraries = ["curl", "ssl", "crypto", "xml2", "png16", "png", "turbojpeg", "blosc"].flatMap {
    ["-Xlinker", "--remap-inputs=*/lib\($0).so=/dev/null"]
}

let package = Package(
    name: "image-harvest",
    products: [
        .library(name: "ImageHarvest", targets: ["ImageHarvest"]),
        .library(name: "HarvestTesting", targets: ["HarvestTesting"]),
        .executable(name: "harvest", targets: ["HarvestCLI"]),
        .executable(name: "harvest-replica", targets: ["HarvestReplica"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
    ],
    targets: [
        // C libraries, each entered from one module only.
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .systemLibrary(name: "CBlosc", pkgConfig: "blosc", providers: [.apt(["libblosc-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),

        .target(name: "CSHA256Lanes"),
        .target(name: "HarvestCore"),
        .target(
            name: "HarvestCodecs",
            dependencies: [
                "HarvestCore", "CSHA256Lanes", "CBlosc", "CZstd", "CDeflate", "CZlib", "CTurboJPEG", "CPNG", "CSSL",
            ]),
        .target(name: "HarvestMarkup", dependencies: ["HarvestCore", "CXML2"]),
        .target(name: "HarvestStores", dependencies: ["HarvestCore", "HarvestMarkup", "HarvestCodecs", "CCurl"]),
        .target(name: "HarvestPortals", dependencies: ["HarvestCore", "HarvestMarkup"]),
        .target(name: "HarvestFormats", dependencies: ["HarvestCore", "HarvestMarkup", "HarvestCodecs"]),
        .target(
            name: "ImageHarvest",
            dependencies: [
                "HarvestCore", "HarvestCodecs", "HarvestMarkup", "HarvestStores", "HarvestPortals", "HarvestFormats",
            ]),
        .target(name: "HarvestTesting", dependencies: ["HarvestCore"]),
        .target(name: "LazyLibraries", dependencies: ["CCurl", "CXML2", "CPNG", "CTurboJPEG", "CBlosc", "CSSL"]),
        .executableTarget(
            name: "HarvestCLI",
            dependencies: [
                "ImageHarvest", "LazyLibraries", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            // Swift's own libraries in the program, and others only when they are called: most of a start of 15 ms was
            // the look-up of their symbols.
            linkerSettings: [
                .unsafeFlags(["-static-stdlib", "-use-ld=lld"] + withoutLibraries),
                .linkedLibrary("_FoundationCShims"), .linkedLibrary("_FoundationCollections"),
            ]),
        .executableTarget(name: "MainJob", dependencies: ["ImageHarvest"], path: "Examples"),
        .executableTarget(name: "HarvestReplica", dependencies: ["CZstd", "CZlib", "CTurboJPEG", "CSSL"]),

        .target(name: "FaultServing", path: "Tests/FaultServing"),
        .testTarget(name: "HarvestCoreTests", dependencies: ["HarvestCore", "HarvestTesting"]),
        .testTarget(name: "HarvestCodecsTests", dependencies: ["HarvestCodecs", "HarvestCore"]),
        .testTarget(name: "HarvestMarkupTests", dependencies: ["HarvestMarkup", "HarvestCore"]),
        .testTarget(
            name: "HarvestStoresTests",
            dependencies: ["HarvestStores", "HarvestTesting", "HarvestCore", "HarvestCodecs", "FaultServing"]),
        .testTarget(name: "HarvestPortalsTests", dependencies: ["HarvestPortals", "HarvestTesting", "HarvestCore"]),
        .testTarget(
            name: "HarvestFormatsTests",
            dependencies: ["HarvestFormats", "HarvestStores", "HarvestTesting", "HarvestCore", "HarvestCodecs"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "ImageHarvestTests",
            dependencies: [
                "ImageHarvest", "HarvestCore", "HarvestFormats", "HarvestStores", "HarvestTesting", "FaultServing",
            ]),
        .testTarget(name: "ReplicaTests", dependencies: ["HarvestReplica"]),
        .testTarget(name: "EndToEndTests", dependencies: ["ImageHarvest", "HarvestTesting", "FaultServing"]),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"), .treatAllWarnings(as: .error),
    ]
}

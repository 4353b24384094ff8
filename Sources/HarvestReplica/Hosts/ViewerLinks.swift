/// tinyurl.com: short links to the viewer; the state stands in `Location` alone.
struct ShortLinks: Host {
    let names = ["tinyurl.com"]
    let routes = [
        "/hemibrain-ng  301 to a viewer with the state in the fragment",
        "/hemibrain-ng-v1  301 to a viewer whose fragment names the state's address",
        "/hemibrain-over  301 to a viewer with a state over the defaults",
        "/elsewhere  301 to a page that is no viewer",
    ]

    func respond(to request: Request) -> Response {
        let viewer = "https://hemibrain-dot-neuroglancer-demo.appspot.com/"
        let target: String
        switch request.path {
        case "/hemibrain-ng": target = "\(viewer)#!\(ViewerLinks.encoded(ViewerLinks.state))"
        case "/hemibrain-ng-v1":
            target = "\(viewer)#!gs://\(Hemibrain.bucket)/v1.0/neuroglancer_demo_states/base.json"
        case "/hemibrain-over": target = "\(viewer)#!+\(ViewerLinks.encoded(ViewerLinks.state))"
        case "/elsewhere": target = "https://www.epfl.ch/labs/cvlab/data/data-em/"
        default: return failure(404, request: request)
        }
        return .redirect(to: target, status: 301)
    }
}

/// The viewer itself: an empty page that its scripts would fill.
struct ViewerPage: Host {
    let names = ["hemibrain-dot-neuroglancer-demo.appspot.com", "neuroglancer-demo.appspot.com"]
    let routes = ["/  the viewer's empty page"]

    func respond(to request: Request) -> Response {
        guard request.path == "/" else { return failure(404, request: request) }
        return .text(
            200, "text/html; charset=utf-8",
            "<!doctype html><html><head><title>neuroglancer</title></head><body><div id=\"neuroglancer-container\">"
                + "</div><script src=\"main.bundle.js\"></script></body></html>\n")
    }
}

/// What the links of the hemibrain say.
enum ViewerLinks {
    /// The viewer's state: six layers, seen at one place.
    static let state: String = {
        func layer(_ type: String, _ path: String, _ name: String, _ rest: String = "") -> String {
            """
            {"type":"\(type)","source":"precomputed://gs://\(Hemibrain.bucket)/\(path)","name":"\(name)"\(rest)}
            """
        }
        let layers = [
            layer("image", Hemibrain.folder, "emdata", ",\"tab\":\"source\""),
            layer("segmentation", "v1.0/segmentation", "segmentation", ",\"segments\":[],\"visible\":false"),
            """
            {"type":"segmentation","source":{"url":"precomputed://gs://\(Hemibrain.bucket)/v1.0/rois","subsources":\
            {"default":true,"properties":true,"mesh":true},"enableDefaultSubsources":false},"name":"roi","segments":[]}
            """,
            layer("annotation", "v1.0/synapses", "synapse", ",\"shader\":\"#uicontrol vec3 a(default='red')\""),
            layer("segmentation", "mito", "mito", ",\"visible\":false"),
            layer("segmentation", "mask_normalized_round6", "mask", ",\"visible\":false"),
        ]
        return """
            {"dimensions":{"x":[8e-09,"m"],"y":[8e-09,"m"],"z":[8e-09,"m"]},"position":[10100.5,11200,12300],\
            "crossSectionScale":54.25,"projectionScale":64770.9,"layers":[\(layers.joined(separator: ","))],\
            "showSlices":false,"selectedLayer":{"layer":"segmentation"},"layout":"xy-3d"}
            """
    }()

    /// As the viewer writes a fragment: `encodeURI`, and `!'()*;,` too.
    static func encoded(_ text: String) -> String { PercentEncoding.encode(text, keeping: "/?:@&=+$#") }
}

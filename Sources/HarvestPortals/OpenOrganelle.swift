public import HarvestCore
import HarvestMarkup

/// OpenOrganelle (HHMI Janelia): a page that draws itself, a public bucket, a database behind a public key.
///
/// The links come from the bucket; the acquisition values stand only in the database (PostgREST) and on the rendered
/// page; title, authors and licence at figshare; older datasets have a manifest on GitHub.
public struct OpenOrganelle: Portal {
    public let name = "openorganelle"
    public let title = "OpenOrganelle"
    public let examples = ["https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2"]

    /// The setting that holds the database's public key.
    public static let keySetting = "openorganelle-key"

    public init() {}

    public func publishes(_ url: String) -> Bool {
        Address(url).host == "openorganelle.janelia.org" && Self.datasetName(url) != nil
    }

    /// `jrc_mus-nacc-2` of `…/datasets/jrc_mus-nacc-2/`.
    private static func datasetName(_ url: String) -> String? {
        let parts = Address(url).path.split(separator: "/").map(String.init)
        guard parts.count == 2, parts[0] == "datasets" else { return nil }
        let isName = parts[1].allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        return isName && parts[1] != "." && parts[1] != ".." ? parts[1] : nil
    }

    public func describe(_ url: String, through web: any Web) async throws -> Dataset {
        guard let id = Self.datasetName(url) else {
            throw HarvestError.invalid("the address names no dataset", at: url, next: "such as \(examples[0])")
        }
        var dataset = Dataset(address: url, id: id, portal: name)
        var bucketError: HarvestError?
        do { dataset.links = try await JaneliaBucket(dataset: id, web: web).links() } catch {
            let known = HarvestError.wrapping(error)
            bucketError = known
            if known.kind != .notFound { dataset.note("bucket", known) }
        }
        var knowsAcquisition = false
        if let key = web.setting(Self.keySetting) {
            do {
                let record = try await JaneliaDatabase(dataset: id, key: key, web: web).record()
                if let record { knowsAcquisition = record.fill(&dataset) }
            } catch { dataset.note("database", HarvestError.wrapping(error)) }
        }
        if !knowsAcquisition { knowsAcquisition = await rendered(url, web, &dataset) }
        if !knowsAcquisition {
            do { knowsAcquisition = try await JaneliaManifest.fill(&dataset, id, web) } catch {
                dataset.note("legacy manifest", HarvestError.wrapping(error))
            }
        }
        await Figshare.fill(&dataset, web)
        guard !dataset.links.isEmpty else {
            throw bucketError ?? HarvestError.notFound("the portal has no dataset \(id)", at: url)
        }
        markPrimary(&dataset)
        note(&dataset, knowsAcquisition)
        return dataset
    }

    /// The page after its scripts ran, where a browser is installed.
    private func rendered(_ url: String, _ web: any Web, _ dataset: inout Dataset) async -> Bool {
        do {
            guard let page = try await web.renderedPage(at: url, until: RenderedOrganelle.marker) else { return false }
            return try RenderedOrganelle(page).fill(&dataset)
        } catch {
            dataset.note("rendered page", HarvestError.wrapping(error))
            return false
        }
    }

    /// The page's main image: what the database calls an EM image first, else the only EM image of the bucket.
    private func markPrimary(_ dataset: inout Dataset) {
        if dataset.links.contains(where: \.isPrimary) { return }
        let images = dataset.links.indices.filter { dataset.links[$0].role == .image }
        // Zarr before N5: the same image in the format that says its own voxel size.
        if let first = images.first(where: { dataset.links[$0].format?.hasPrefix("zarr") == true }) ?? images.first {
            dataset.links[first].isPrimary = true
            dataset.links.swapAt(0, first)
        }
    }

    private func note(_ dataset: inout Dataset, _ knowsAcquisition: Bool) {
        if !knowsAcquisition {
            dataset.findings.append(
                Finding(.warning, rule: "acquisition-unknown",
                    "the acquisition values stand only in the portal's database and on its rendered page, and neither was "
                        + "to be had; set HARVEST_OPENORGANELLE_KEY or install Chromium"))
        }
        if dataset.licence == nil {
            dataset.findings.append(
                Finding(.warning, rule: "licence-missing", field: Field.Name.licence,
                    "no source that answered states a licence; look at the data's DOI before publishing anything derived"))
        }
        if let energy = dataset.claim(Field.Name.beamEnergy)?.value.double, let bias = dataset.claim(Field.Name.biasVoltage)?.value.double,
            energy <= bias
        {
            dataset.findings.append(
                Finding(.note, rule: "landing-energy-ambiguous", field: Field.Name.beamEnergy,
                    "the page calls \(JSON.double(energy).compact) eV the primary energy, the database the landing energy, beside a "
                        + "bias of \(JSON.double(bias).compact) V; which is meant is not said, the value is kept as published"))
        }
    }
}

extension Dataset {
    /// One source of several failed: said, not thrown.
    mutating func note(_ source: String, _ error: HarvestError) {
        findings.append(Finding(.warning, rule: "source-failed", "the \(source) gave nothing: \(error)"))
    }
}

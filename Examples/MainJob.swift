import ImageHarvest

/// The main job, as the README shows it.
@main
struct MainJob {
    static func main() async {
        do { try await run() } catch { print(error) }
    }

    static func run() async throws {
        let dataset = try await Dataset.describe("https://openorganelle.janelia.org/datasets/jrc_mus-nacc-2")
        let volume = try await Volume.open(dataset.links[0])  // a few KB over the wire
        print(volume.metadata.summary)  // int16 [564, 2520, 2596] zyx  2.96 × 4 × 4 nm

        print(Table([Record(dataset, volume)]).markdown)  // who says what, side by side

        let block = try await volume.read([0..<64, 0..<512, 0..<512])  // z, y, x: only the chunks that meet it
        print(block.shape, block.dataType)

        let page = try await Dataset.describe("https://www.epfl.ch/labs/cvlab/data/data-em/")
        let outcome = try await page.links[1].fetch(into: "data") { print($0) }  // { tally in … }: bytes, of how many
        print(outcome.files)
    }
}

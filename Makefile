# Everything a person needs. Each target prints its phases with the seconds they took.
.PHONY: demo test build bench bench-transfer format lint clean live soak

SWIFT_FLAGS = -c release -Xswiftc -enable-testing

demo:            ## install what is missing, build, run the main job on the embedded replica of the portals
	@bash Scripts/demo.sh

test:            ## install what is missing, build, run every test; ends with N passed, N failed, N skipped
	@bash Scripts/test.sh

build:           ## one optimised build that also serves the tests
	@bash Scripts/packages.sh build
	swift build $(SWIFT_FLAGS) --build-tests

bench:           ## our figures beside the peers', measured in one run
	@bash Scripts/bench.sh

bench-transfer:  ## fetch beside aria2, lftp, curl and rclone, over a delayed link
	@bash Scripts/bench_transfer.sh

format:          ## the tool decides
	swift format -i -p -r Package.swift Sources Tests Examples

lint:
	swift format lint -s -p -r Package.swift Sources Tests Examples

live:            ## the real addresses, for people who have a network
	@bash Scripts/live.sh

soak: build      ## damaged files against probe and read, two at a time, ten minutes; then fetch against all that can go wrong
	@python3 Scripts/soak.py "$$(swift build $(SWIFT_FLAGS) --show-bin-path)/harvest" --seed 1 & \
	python3 Scripts/soak.py "$$(swift build $(SWIFT_FLAGS) --show-bin-path)/harvest" --seed 2; wait
	@python3 Scripts/soak_transfer.py all --harvest "$$(swift build $(SWIFT_FLAGS) --show-bin-path)/harvest"

clean:
	rm -rf .build

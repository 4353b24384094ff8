/// A JSON value: the one form in which metadata travels, is stored and is printed.
///
/// Integers stay exact over the whole range of `Int64` and `UInt64`; non-finite numbers read as Python writes them
/// (`NaN`, `Infinity`) and print as strings, as the outside contract says.
public enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    /// An integer above `Int.max`.
    case unsigned(UInt64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(Members)

    /// The members of an object, in the order in which they were written; the last of equal keys wins.
    public struct Members: Sendable, Hashable, ExpressibleByDictionaryLiteral, Sequence {
        private struct Member: Hashable {
            var key: String
            var value: JSON
        }

        private var members: [Member] = []
        /// Where each key stands, once there are so many that looking through them takes longer.
        private var places: [String: Int]?
        private static let few = 12

        public init() {}

        private func place(of key: String) -> Int? {
            places.map { $0[key] } ?? members.firstIndex { $0.key == key }
        }

        public init(dictionaryLiteral elements: (String, JSON)...) {
            for (key, value) in elements { self[key] = value }
        }

        public subscript(key: String) -> JSON? {
            get { place(of: key).map { members[$0].value } }
            set {
                let place = place(of: key)
                switch (newValue, place) {
                case (let value?, let place?): members[place].value = value
                case (let value?, nil):
                    places?[key] = members.count
                    members.append(Member(key: key, value: value))
                    if places == nil, members.count > Self.few { index() }
                case (nil, let place?):
                    members.remove(at: place)
                    if places != nil { index() }
                case (nil, nil): break
                }
            }
        }

        public static func == (one: Members, other: Members) -> Bool { one.members == other.members }
        public func hash(into hasher: inout Hasher) { members.hash(into: &hasher) }

        private mutating func index() {
            places = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.key, $0) })
        }

        public var count: Int { members.count }
        public var isEmpty: Bool { members.isEmpty }

        public func makeIterator() -> AnyIterator<(key: String, value: JSON)> {
            var index = 0
            return AnyIterator {
                guard index < members.count else { return nil }
                defer { index += 1 }
                return (members[index].key, members[index].value)
            }
        }
    }
}

extension JSON {
    /// The member `key` of an object; `nil` for anything else, and for a member that is not there.
    public subscript(key: String) -> JSON? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// The item `index` of an array.
    public subscript(index: Int) -> JSON? {
        if case .array(let items) = self, items.indices.contains(index) { items[index] } else { nil }
    }

    /// This object with one member set; anything else as it is.
    public func setting(_ key: String, _ value: JSON) -> JSON {
        guard case .object(var members) = self else { return self }
        members[key] = value
        return .object(members)
    }

    public var isNull: Bool { self == .null }

    public var string: String? { if case .string(let value) = self { value } else { nil } }

    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// An exact integer: `3` and `3.0`, never `3.5` or `"3"`.
    public var int: Int? {
        switch self {
        case .int(let value): value
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    /// Any number, and the strings by which non-finite numbers are written.
    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .double(let value): value
        case .string("NaN"): .nan
        case .string("Infinity"): .infinity
        case .string("-Infinity"): -.infinity
        default: nil
        }
    }

    public var array: [JSON]? { if case .array(let items) = self { items } else { nil } }

    public var object: Members? { if case .object(let members) = self { members } else { nil } }

    /// An array of exact integers, or `nil` if anything in it is not one.
    public var ints: [Int]? { array.flatMap { items in items.compactMap(\.int).nilUnless(count: items.count) } }

    /// An array of numbers, or `nil` if anything in it is not one.
    public var doubles: [Double]? {
        array.flatMap { items in items.compactMap(\.double).nilUnless(count: items.count) }
    }

    /// An array of strings, or `nil` if anything in it is not one.
    public var strings: [String]? {
        array.flatMap { items in items.compactMap(\.string).nilUnless(count: items.count) }
    }
}

extension JSON {
    /// `null` where nobody said.
    public init(_ value: String?) { self = value.map(JSON.string) ?? .null }
    public init(_ value: Int?) { self = value.map(JSON.int) ?? .null }
    public init(_ value: Double?) { self = value.map(JSON.double) ?? .null }
    public init(_ value: Bool?) { self = value.map(JSON.bool) ?? .null }
    public init(_ values: [Int]?) { self = values.map { .array($0.map(JSON.int)) } ?? .null }
    public init(_ values: [String]?) { self = values.map { .array($0.map(JSON.string)) } ?? .null }
    public init(_ values: [Double?]?) { self = values.map { .array($0.map { JSON($0) }) } ?? .null }
    public init(_ values: [String?]?) { self = values.map { .array($0.map { JSON($0) }) } ?? .null }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(nilLiteral: ()) { self = .null }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        var members = Members()
        for (key, value) in elements { members[key] = value }
        self = .object(members)
    }
}

extension Array {
    fileprivate func nilUnless(count expected: Int) -> [Element]? { count == expected ? self : nil }
}

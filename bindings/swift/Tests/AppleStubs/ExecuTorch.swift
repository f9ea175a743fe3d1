// Declarations of ExecuTorch 1.4 as far as MF2EdgeApple uses them; they compute nothing
// (CoreGraphics.swift).
@_exported import Foundation

public protocol Scalar {}
extension Float: Scalar {}

public protocol ValueConvertible {}

public final class Tensor<T: Scalar>: ValueConvertible {
    public init(_ scalars: [T], shape: [Int] = []) {}
    public func scalars() -> [T] { return [] }
}

public final class Value: NSObject, ValueConvertible {
    public func tensor<T: Scalar>() -> Tensor<T>? { return nil }
}

public final class Module: NSObject {
    public init(filePath: String) {}
    public func load(_ method: String) throws {}
    public func forward(_ inputs: [ValueConvertible]) throws -> [Value] { return [] }
    public func forward(_ input: ValueConvertible) throws -> [Value] { return [] }
}

// The module that React Native finds by its name; Mf2Edge.m declares it to Objective-C:
//
//     #import <React/RCTBridgeModule.h>
//     @interface RCT_EXTERN_MODULE(Mf2Edge, NSObject)
//     RCT_EXTERN_METHOD(predict:(NSString *)uri resolve:(RCTPromiseResolveBlock)resolve
//                       reject:(RCTPromiseRejectBlock)reject)
//     @end
import MF2Edge
import MF2EdgeApple
import React
import UIKit

@objc(Mf2Edge)
final class Mf2Edge: NSObject {
    private let faces = FacesOfPicture()

    @objc static func requiresMainQueueSetup() -> Bool { return false }

    @objc func predict(
        _ uri: String, resolve: @escaping RCTPromiseResolveBlock, reject: @escaping RCTPromiseRejectBlock
    ) {
        guard let url = URL(string: uri), let data = try? Data(contentsOf: url),
            let image = UIImage(data: data)?.cgImage, let picture = try? Frame(image)
        else { return reject("mf2_edge", "\(uri): cannot be read as a picture", nil) }
        faces.predict(picture) { result in
            switch result {
            case .success(let found): resolve(found)
            case .failure(let error): reject("mf2_edge", error.localizedDescription, error)
            }
        }
    }
}

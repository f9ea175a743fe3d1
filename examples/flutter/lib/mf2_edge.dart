// The state of every face of a picture, from Dart: a thin layer over the C interface of mf2-edge
// (bindings/cpp/include/mf2_edge.h). Structures and signatures are the header's; README.md says what was
// compared and what was not run.
import 'dart:ffi';
import 'dart:io';
import 'dart:typed_data';

import 'package:ffi/ffi.dart';

final class Mf2EdgeOptions extends Struct {
  external Pointer<Utf8> detectors;
  external Pointer<Utf8> litert;
  external Pointer<Utf8> precision;
  @Int32()
  external int threads;
  external Pointer<Utf8> format;
  @Int32()
  external int experimental;
  @Int32()
  external int fast;
  @Double()
  external double min_face;
  @Double()
  external double min_detection_score;
  @Int32()
  external int max_faces;
  @Int32()
  external int turned_frames;
}

final class Mf2EdgeFrame extends Struct {
  external Pointer<Uint8> pixels;
  @Size()
  external int size;
  @Int32()
  external int width;
  @Int32()
  external int height;
  @Size()
  external int stride;
  @Int32()
  external int format;
}

final class Mf2EdgePoint extends Struct {
  @Double()
  external double x;
  @Double()
  external double y;
}

final class Mf2EdgeBox extends Struct {
  @Double()
  external double x;
  @Double()
  external double y;
  @Double()
  external double width;
  @Double()
  external double height;
}

final class Mf2EdgeEmotionScore extends Struct {
  external Pointer<Utf8> label;
  @Double()
  external double score;
}

final class Mf2EdgeReliability extends Struct {
  @Double()
  external double f1;
  @Int64()
  external int faces;
}

final class Mf2EdgeRegion extends Struct {
  external Pointer<Utf8> label;
  @Double()
  external double visibility;
}

final class Mf2EdgeActionUnit extends Struct {
  external Pointer<Utf8> label;
  external Pointer<Utf8> name;
  @Double()
  external double score;
  @Int32()
  external int present;
  external Pointer<Utf8> reason;
  @Double()
  external double intensity;
  external Pointer<Utf8> level;
  external Mf2EdgeReliability laboratory;
  external Mf2EdgeReliability world;
}

final class Mf2EdgeFace extends Struct {
  external Mf2EdgeBox box;
  @Double()
  external double detection_score;
  @Int32()
  external int has_landmarks;
  @Array(6)
  external Array<Mf2EdgePoint> landmarks;
  external Pointer<Utf8> status;
  external Pointer<Utf8> emotion;
  @Double()
  external double emotion_score;
  external Pointer<Utf8> emotion_reason;
  external Pointer<Mf2EdgeEmotionScore> emotion_scores;
  @Size()
  external int emotion_count;
  external Pointer<Mf2EdgeActionUnit> action_units;
  @Size()
  external int action_unit_count;
  @Int32()
  external int track_id;
  external Pointer<Mf2EdgeRegion> regions;
  @Size()
  external int region_count;
}

typedef _LastErrorC = Pointer<Utf8> Function();
typedef _OpenC = Int32 Function(Pointer<Utf8> bundle, Pointer<Mf2EdgeOptions> options, Pointer<Pointer<Void>> analyzer);
typedef _OpenDart = int Function(Pointer<Utf8> bundle, Pointer<Mf2EdgeOptions> options, Pointer<Pointer<Void>> analyzer);
typedef _CloseC = Void Function(Pointer<Void> analyzer);
typedef _CloseDart = void Function(Pointer<Void> analyzer);
typedef _PredictC = Int32 Function(Pointer<Void> analyzer, Pointer<Mf2EdgeFrame> frame, Pointer<Mf2EdgeBox> boxes,
    Size box_count, Pointer<Pointer<Void>> faces);
typedef _PredictDart = int Function(Pointer<Void> analyzer, Pointer<Mf2EdgeFrame> frame, Pointer<Mf2EdgeBox> boxes,
    int box_count, Pointer<Pointer<Void>> faces);
typedef _FaceCountC = Size Function(Pointer<Void> faces);
typedef _FaceCountDart = int Function(Pointer<Void> faces);
typedef _FaceAtC = Int32 Function(Pointer<Void> faces, Size index, Pointer<Mf2EdgeFace> face);
typedef _FaceAtDart = int Function(Pointer<Void> faces, int index, Pointer<Mf2EdgeFace> face);
typedef _FreeFacesC = Void Function(Pointer<Void> faces);
typedef _FreeFacesDart = void Function(Pointer<Void> faces);

// Android and Linux load the library by name; on iOS it is linked into the app.
final _library = Platform.isIOS ? DynamicLibrary.process() : DynamicLibrary.open('libmf2_edge.so');
final _lastError = _library.lookupFunction<_LastErrorC, _LastErrorC>('mf2_edge_last_error');
final _open = _library.lookupFunction<_OpenC, _OpenDart>('mf2_edge_open');
final _close = _library.lookupFunction<_CloseC, _CloseDart>('mf2_edge_close');
final _predict = _library.lookupFunction<_PredictC, _PredictDart>('mf2_edge_predict');
final _faceCount = _library.lookupFunction<_FaceCountC, _FaceCountDart>('mf2_edge_face_count');
final _faceAt = _library.lookupFunction<_FaceAtC, _FaceAtDart>('mf2_edge_face_at');
final _freeFaces = _library.lookupFunction<_FreeFacesC, _FreeFacesDart>('mf2_edge_free_faces');

/// What the library refused, in its own words.
class Mf2EdgeException implements Exception {
  Mf2EdgeException(this.message);
  final String message;
  @override
  String toString() => 'Mf2EdgeException: $message';
}

/// One face: its box in pixels of the picture, the emotion, and the score of each Action Unit that is present.
class FaceState {
  FaceState(this.x, this.y, this.width, this.height, this.emotion, this.emotionScore, this.reason, this.presentUnits);
  final double x, y, width, height;
  final String emotion;
  final double emotionScore;
  final String reason;
  final Map<String, double> presentUnits;
}

/// A loaded model. Use it in one isolate, off the one that draws; close it in the end.
class FaceStateAnalyzer {
  /// `bundle` is a folder that `mf2-edge export --platform cpp` wrote, unpacked from the app's assets.
  FaceStateAnalyzer(String bundle) {
    using((arena) {
      final analyzer = arena<Pointer<Void>>();
      _check(_open(bundle.toNativeUtf8(allocator: arena), nullptr, analyzer));
      _handle = analyzer.value;
    });
  }

  late final Pointer<Void> _handle;

  /// The faces of a picture of `ImageByteFormat.rawRgba` (4 bytes a pixel, row by row, alpha
  /// premultiplied), largest first; none is no error.
  List<FaceState> predict(Uint8List rgba, int width, int height) => using((arena) {
        final pixels = arena<Uint8>(rgba.length);
        pixels.asTypedList(rgba.length).setAll(0, rgba);
        final frame = arena<Mf2EdgeFrame>();
        frame.ref
          ..pixels = pixels
          ..size = rgba.length
          ..width = width
          ..height = height
          ..stride = 0
          ..format = 8; // MF2_EDGE_RGBA_PREMULTIPLIED
        final faces = arena<Pointer<Void>>();
        _check(_predict(_handle, frame, nullptr, 0, faces));
        try {
          final face = arena<Mf2EdgeFace>();
          return [
            for (var index = 0; index < _faceCount(faces.value); index++) _state(faces.value, index, face),
          ];
        } finally {
          _freeFaces(faces.value);
        }
      });

  void close() => _close(_handle);
}

FaceState _state(Pointer<Void> faces, int index, Pointer<Mf2EdgeFace> face) {
  _check(_faceAt(faces, index, face));
  final found = face.ref;
  return FaceState(
    found.box.x,
    found.box.y,
    found.box.width,
    found.box.height,
    found.emotion.toDartString(),
    found.emotion_score,
    found.emotion_reason.toDartString(),
    {
      for (var i = 0; i < found.action_unit_count; i++)
        if (found.action_units[i].present != 0)
          found.action_units[i].label.toDartString(): found.action_units[i].score,
    },
  );
}

void _check(int status) {
  if (status != 0) throw Mf2EdgeException(_lastError().toDartString());
}

/* The C ABI under bad input: abi_test MODEL [BROKEN STATUS]... exits with 0 if all is as it says. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mf2_edge.h"

static int wrong = 0;

static void expect(int status, int expected, const char* what) {
  int explained = status == MF2_EDGE_OK || strlen(mf2_edge_last_error()) > 0;
  if (status == expected && explained) return;
  printf("%s: status %d, expected %d: %s\n", what, status, expected, mf2_edge_last_error());
  wrong = 1;
}

static void test_frames(mf2_edge_analyzer* analyzer) {
  static uint8_t pixels[64 * 64 * 3];
  mf2_edge_frame good = {pixels, sizeof pixels, 64, 64, 0, MF2_EDGE_RGB};
  mf2_edge_faces* faces = NULL;
  mf2_edge_frame bad;

  expect(mf2_edge_predict(analyzer, &good, NULL, 0, &faces), MF2_EDGE_OK, "a black frame");
  expect(mf2_edge_face_count(faces) == 0 ? 0 : 1, 0, "nobody in a black frame");
  mf2_edge_free_faces(faces);
  expect(mf2_edge_predict(NULL, &good, NULL, 0, &faces), MF2_EDGE_INVALID_ARGUMENT, "no analyzer");
  expect(mf2_edge_predict(analyzer, NULL, NULL, 0, &faces), MF2_EDGE_INVALID_ARGUMENT, "no frame");
  expect(mf2_edge_predict(analyzer, &good, NULL, 0, NULL), MF2_EDGE_INVALID_ARGUMENT, "no result");
  expect(mf2_edge_predict(analyzer, &good, NULL, 1, &faces), MF2_EDGE_INVALID_ARGUMENT, "no boxes");
  bad = good, bad.pixels = NULL;
  expect(mf2_edge_predict(analyzer, &bad, NULL, 0, &faces), MF2_EDGE_FRAME_ERROR, "no pixels");
  bad = good, bad.width = 0;
  expect(mf2_edge_predict(analyzer, &bad, NULL, 0, &faces), MF2_EDGE_FRAME_ERROR, "no width");
  bad = good, bad.height = -64;
  expect(mf2_edge_predict(analyzer, &bad, NULL, 0, &faces), MF2_EDGE_FRAME_ERROR, "upside down");
  bad = good, bad.format = MF2_EDGE_RGBA;
  expect(mf2_edge_predict(analyzer, &bad, NULL, 0, &faces), MF2_EDGE_FRAME_ERROR, "too few bytes");
  bad = good, bad.format = 12;
  expect(mf2_edge_predict(analyzer, &bad, NULL, 0, &faces), MF2_EDGE_FRAME_ERROR, "format 12");
  bad = good, bad.stride = 100;
  expect(mf2_edge_predict(analyzer, &bad, NULL, 0, &faces), MF2_EDGE_FRAME_ERROR, "short stride");
  bad = good, bad.stride = (size_t)-1;
  expect(mf2_edge_predict(analyzer, &bad, NULL, 0, &faces), MF2_EDGE_FRAME_ERROR, "huge stride");
  bad = good, bad.width = bad.height = 2147483647;
  expect(mf2_edge_predict(analyzer, &bad, NULL, 0, &faces), MF2_EDGE_FRAME_ERROR, "huge frame");
  expect(mf2_edge_predict_crop(analyzer, &bad, &faces), MF2_EDGE_FRAME_ERROR, "huge crop");
}

static void test_boxes(mf2_edge_analyzer* analyzer) {
  static uint8_t pixels[64 * 64 * 3];
  mf2_edge_frame frame = {pixels, sizeof pixels, 64, 64, 0, MF2_EDGE_BGR};
  mf2_edge_box boxes[] = {{0, 0, 0, 10}, {100, 0, 10, 10}, {0, 0, 1e300, 10}, {0.0 / 0.0, 0, 1, 1}};
  mf2_edge_point same[6] = {{5, 5}, {5, 5}, {5, 5}, {5, 5}, {5, 5}, {5, 5}};
  mf2_edge_point nowhere[6] = {{1, 5}, {9, 5}, {1e300, 5}, {5, 5}, {5, 5}, {5, 5}};
  mf2_edge_box whole = {0, 0, 64, 64};
  mf2_edge_faces* faces = NULL;
  mf2_edge_face face;
  size_t i;
  for (i = 0; i < sizeof boxes / sizeof *boxes; ++i) {
    expect(mf2_edge_predict(analyzer, &frame, &boxes[i], 1, &faces), MF2_EDGE_BOX_ERROR, "bad box");
  }
  expect(mf2_edge_predict_aligned(analyzer, &frame, &whole, nowhere, &faces), MF2_EDGE_BOX_ERROR,
         "landmarks nowhere");
  expect(mf2_edge_predict_aligned(analyzer, &frame, &whole, same, &faces), MF2_EDGE_OK,
         "eyes that coincide");
  expect(mf2_edge_face_at(faces, 0, &face), MF2_EDGE_OK, "a face");
  expect(strcmp(face.status, "unaligned"), 0, "is not aligned");
  expect(mf2_edge_face_at(faces, 1, &face), MF2_EDGE_INVALID_ARGUMENT, "a second face");
  mf2_edge_free_faces(faces);
  mf2_edge_free_faces(NULL);
}

static void test_streams(mf2_edge_analyzer* analyzer) {
  static uint8_t pixels[64 * 64 * 3];
  mf2_edge_frame frame = {pixels, sizeof pixels, 64, 64, 0, MF2_EDGE_RGB};
  mf2_edge_stream* stream = NULL;
  mf2_edge_faces* faces = NULL;
  mf2_edge_event events[2];
  size_t count = 7;
  expect(mf2_edge_open_stream(NULL, 200, &stream), MF2_EDGE_INVALID_ARGUMENT, "no analyzer");
  expect(mf2_edge_open_stream(analyzer, -1, &stream), MF2_EDGE_INVALID_ARGUMENT, "interval -1");
  expect(mf2_edge_open_stream(analyzer, 200, &stream), MF2_EDGE_OK, "a stream");
  expect(mf2_edge_update(stream, &frame, 50, &faces), MF2_EDGE_OK, "the first frame");
  expect((int)mf2_edge_face_count(faces), 0, "nobody there");
  mf2_edge_free_faces(faces);
  expect(mf2_edge_update(stream, &frame, 20, &faces), MF2_EDGE_TIMESTAMP_ERROR, "an older frame");
  expect(mf2_edge_update(stream, NULL, 60, &faces), MF2_EDGE_INVALID_ARGUMENT, "no frame");
  expect(mf2_edge_take_events(stream, events, 2, &count), MF2_EDGE_OK, "events");
  expect((int)count, 0, "no events");
  expect(mf2_edge_take_events(stream, NULL, 2, &count), MF2_EDGE_INVALID_ARGUMENT, "no room");
  expect(mf2_edge_reset(stream), MF2_EDGE_OK, "another scene");
  expect(mf2_edge_update(stream, &frame, 20, &faces), MF2_EDGE_OK, "time begins anew");
  mf2_edge_free_faces(faces);
  mf2_edge_close_stream(stream);
  mf2_edge_close_stream(NULL);
}

/* Faces of a grey frame and the error of a bad one, again and again: null if all calls said so. */
static void* call_often(void* analyzer) {
  static uint8_t pixels[64 * 64 * 3];
  mf2_edge_frame frame = {pixels, sizeof pixels, 64, 64, 0, MF2_EDGE_RGB};
  mf2_edge_frame bad = {NULL, 0, 64, 64, 0, MF2_EDGE_RGB};
  mf2_edge_faces* faces = NULL;
  int i;
  for (i = 0; i < 5; ++i) {
    if (mf2_edge_predict_crop(analyzer, &frame, &faces) != MF2_EDGE_OK) return analyzer;
    if (mf2_edge_face_count(faces) != 1) return analyzer;
    mf2_edge_free_faces(faces);
    if (mf2_edge_predict(analyzer, &bad, NULL, 0, &faces) != MF2_EDGE_FRAME_ERROR) return analyzer;
    if (strstr(mf2_edge_last_error(), "no pixels") == NULL) return analyzer;
  }
  return NULL;
}

static void test_threads(mf2_edge_analyzer* analyzer) {
  pthread_t threads[4];
  void* failure;
  int i;
  for (i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, call_often, analyzer);
  for (i = 0; i < 4; ++i) {
    pthread_join(threads[i], &failure);
    expect(failure == NULL ? 0 : 1, 0, "calls from another thread");
  }
}

int main(int count, char** arguments) {
  mf2_edge_analyzer* analyzer = NULL;
  mf2_edge_options nothing = {.litert = "/nowhere/libLiteRt.so"};
  mf2_edge_options odd = {.precision = "fp8"};
  mf2_edge_options other = {.format = "onnx"};
  mf2_edge_options program = {.format = "executorch"};
  mf2_edge_options wrong_options[] = {{.min_face = -1},
                                      {.min_face = 40, .fast = 1},
                                      {.max_faces = -1},
                                      {.min_detection_score = 1.5},
                                      {.turned_frames = 3}};
  mf2_edge_options choice = {
      .min_face = 0.1, .max_faces = 2, .turned_frames = MF2_EDGE_TURNED_NONE};
  int i;
  if (count < 2) return 2;
  expect(mf2_edge_open(NULL, NULL, &analyzer), MF2_EDGE_INVALID_ARGUMENT, "no bundle");
  expect(mf2_edge_open("/nowhere", NULL, &analyzer), MF2_EDGE_BUNDLE_ERROR, "a bundle nowhere");
  expect(mf2_edge_open(arguments[1], &nothing, &analyzer), MF2_EDGE_RUNTIME_UNAVAILABLE,
         "no LiteRT");
  expect(mf2_edge_open(arguments[1], &odd, &analyzer), MF2_EDGE_INVALID_ARGUMENT, "precision fp8");
  expect(mf2_edge_open(arguments[1], &other, &analyzer), MF2_EDGE_INVALID_ARGUMENT, "format onnx");
  expect(mf2_edge_open(arguments[1], &program, &analyzer), MF2_EDGE_RUNTIME_UNAVAILABLE,
         "built without ExecuTorch");
  for (i = 0; i < 5; ++i) {
    expect(mf2_edge_open(arguments[1], &wrong_options[i], &analyzer), MF2_EDGE_INVALID_ARGUMENT,
           "options of the detector");
  }
  expect(mf2_edge_open(arguments[1], &choice, &analyzer), MF2_EDGE_OK, "options");
  mf2_edge_close(analyzer);
  for (i = 2; i + 1 < count; i += 2) {
    expect(mf2_edge_open(arguments[i], NULL, &analyzer), atoi(arguments[i + 1]), arguments[i]);
  }
  expect(mf2_edge_open(arguments[1], NULL, &analyzer), MF2_EDGE_OK, "the bundle");
  if (analyzer == NULL) return 1;
  test_frames(analyzer);
  test_boxes(analyzer);
  test_streams(analyzer);
  test_threads(analyzer);
  mf2_edge_close(analyzer);
  mf2_edge_close(NULL);
  return wrong;
}

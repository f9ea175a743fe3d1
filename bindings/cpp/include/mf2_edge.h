/*
 * mf2-edge in C: facial state of images, through handles and status codes. No function throws, none
 * aborts on bad input, and any thread may call any of them.
 *
 * Coordinates are pixels of the frame, origin at the top left; scores are in 0..1;
 * left and right are the subject's own.
 */
#ifndef MF2_EDGE_H
#define MF2_EDGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mf2_edge_status {
  MF2_EDGE_OK = 0,
  MF2_EDGE_INVALID_ARGUMENT = 1,
  MF2_EDGE_FRAME_ERROR = 2,
  MF2_EDGE_BOX_ERROR = 3,
  MF2_EDGE_BUNDLE_ERROR = 4,
  MF2_EDGE_MANIFEST_ERROR = 5,
  MF2_EDGE_CHECKSUM_ERROR = 6,
  MF2_EDGE_RUNTIME_UNAVAILABLE = 7,
  MF2_EDGE_INFERENCE_ERROR = 8,
  MF2_EDGE_OUT_OF_MEMORY = 9,
  MF2_EDGE_INTERNAL_ERROR = 10,
  MF2_EDGE_TIMESTAMP_ERROR = 11
} mf2_edge_status;

/* What went wrong in the last call of this thread that failed, in a sentence; "" if none did. */
const char* mf2_edge_last_error(void);

typedef struct mf2_edge_analyzer mf2_edge_analyzer;
typedef struct mf2_edge_faces mf2_edge_faces;

typedef enum mf2_edge_pixel_format {
  MF2_EDGE_RGB = 0,
  MF2_EDGE_BGR = 1,
  /* What is transparent lies on white; alpha is straight, as image files have it. */
  MF2_EDGE_RGBA = 2,
  MF2_EDGE_BGRA = 3,
  /* Y'CbCr 4:2:0 of BT.601: `height` rows of luma, then (height + 1) / 2 of Cb and Cr in turn (NV12) or
     Cr and Cb (NV21), all of one stride; full range, or with _VIDEO luma of 16 to 235. */
  MF2_EDGE_NV12 = 4,
  MF2_EDGE_NV21 = 5,
  MF2_EDGE_NV12_VIDEO = 6,
  MF2_EDGE_NV21_VIDEO = 7,
  /* Alpha is multiplied into the colours, as most drawing libraries keep it. */
  MF2_EDGE_RGBA_PREMULTIPLIED = 8,
  MF2_EDGE_BGRA_PREMULTIPLIED = 9,
  /* Opaque: the fourth byte may hold anything. */
  MF2_EDGE_RGBX = 10,
  MF2_EDGE_BGRX = 11
} mf2_edge_pixel_format;

/* Quarters of a turn tried in a frame without upright faces: all, one a call, or none. */
typedef enum mf2_edge_turned_frames {
  MF2_EDGE_TURNED_ALL = 0,
  MF2_EDGE_TURNED_NEXT = 1,
  MF2_EDGE_TURNED_NONE = 2
} mf2_edge_turned_frames;

/* All zero, or a null pointer in its place, is the default. */
typedef struct mf2_edge_options {
  const char* detectors; /* folder with yunet_n, blazeface_short_range; null: the bundle's */
  const char* litert;    /* path of libLiteRt; null: MF2_EDGE_LITERT, or the library path */
  const char* precision; /* "fp32", "fp16", "int8"; null: the first of the format listed */
  int32_t threads;       /* of LiteRT; 0 is 1 */
  const char* format;    /* "tflite", or "executorch" where built with it; null: tflite */
  int32_t experimental;  /* not 0: also the units that could not be shown reliable */
  int32_t fast;    /* not 0: faces from about 12 % of the longer side on, at a third of the price */
  double min_face; /* height in pixels or, below 1, part of the longer side; 0: about 6 % */
  double min_detection_score;
  int32_t max_faces;     /* the largest so many; 0: all */
  int32_t turned_frames; /* mf2_edge_turned_frames */
} mf2_edge_options;

typedef struct mf2_edge_frame {
  const uint8_t* pixels;
  size_t size; /* bytes behind `pixels` */
  int32_t width;
  int32_t height;
  size_t stride;  /* bytes from row to row; 0: no gaps */
  int32_t format; /* mf2_edge_pixel_format */
} mf2_edge_frame;

typedef struct mf2_edge_point {
  double x, y;
} mf2_edge_point;

typedef struct mf2_edge_box {
  double x, y, width, height;
} mf2_edge_box;

typedef struct mf2_edge_emotion_score {
  const char* label;
  double score;
} mf2_edge_emotion_score;

/* F1 on `faces` faces that taught nothing; both 0 where nobody measured it. */
typedef struct mf2_edge_reliability {
  double f1;
  int64_t faces;
} mf2_edge_reliability;

/* A part of the face: "brows", "eyes", "nose", "mouth", "chin". */
typedef struct mf2_edge_region {
  const char* label;
  double visibility; /* probability that it can be judged */
} mf2_edge_region;

typedef struct mf2_edge_action_unit {
  const char* label; /* "AU12" */
  const char* name;  /* "lip corner puller" */
  double score;
  int32_t present;
  /* "confident", "low_confidence", "unaligned", "face_too_small", "low_quality", of streams
   * "smoothed"; "not_visible": its part of the face is hidden, it cannot be judged */
  const char* reason;
  double intensity;  /* 0 absent to 1 marked for sure; -1 where the network does not tell it */
  const char* level; /* "none", "slight", "marked"; null where the network does not tell it */
  mf2_edge_reliability laboratory;
  mf2_edge_reliability world;
} mf2_edge_action_unit;

/* One face. Pointers lead into the mf2_edge_faces that it came from. */
typedef struct mf2_edge_face {
  mf2_edge_box box;
  double detection_score;
  int32_t has_landmarks;
  mf2_edge_point landmarks[6]; /* eyes, nose tip, mouth centre, ears; right ones first */
  const char* status;          /* "ok", "unaligned", "small" */
  const char* emotion;
  double emotion_score;
  const char* emotion_reason;
  const mf2_edge_emotion_score* emotion_scores;
  size_t emotion_count;
  const mf2_edge_action_unit* action_units;
  size_t action_unit_count;
  int32_t track_id; /* of streams: the number of the face as long as it is there; else 0 */
  const mf2_edge_region* regions; /* none where the network does not tell them */
  size_t region_count;
} mf2_edge_face;

/* Load and check everything in the folder of a bundle. Close what it gives. */
mf2_edge_status mf2_edge_open(const char* bundle, const mf2_edge_options* options,
                              mf2_edge_analyzer** analyzer);
void mf2_edge_close(mf2_edge_analyzer* analyzer);

/*
 * The faces of a frame, largest first; with `boxes` one result a box, in their order. Free what it
 * gives. No faces is no error.
 */
mf2_edge_status mf2_edge_predict(const mf2_edge_analyzer* analyzer, const mf2_edge_frame* frame,
                                 const mf2_edge_box* boxes, size_t box_count,
                                 mf2_edge_faces** faces);

/* The one face at `box`, whose six landmarks the caller knows. */
mf2_edge_status mf2_edge_predict_aligned(const mf2_edge_analyzer* analyzer,
                                         const mf2_edge_frame* frame, const mf2_edge_box* box,
                                         const mf2_edge_point landmarks[6], mf2_edge_faces** faces);

/* The one face that a crop shows. */
mf2_edge_status mf2_edge_predict_crop(const mf2_edge_analyzer* analyzer, const mf2_edge_frame* crop,
                                      mf2_edge_faces** faces);

/*
 * The faces of one scene over time: numbered, smoothed, with events. One thread at a time may use a
 * stream; close it before its analyzer. `detect_every_ms` (200 is a good one): how often the whole
 * frame is searched for new faces.
 */
typedef struct mf2_edge_stream mf2_edge_stream;

typedef enum mf2_edge_event_kind {
  MF2_EDGE_ONSET = 0,
  MF2_EDGE_APEX = 1,
  MF2_EDGE_OFFSET = 2
} mf2_edge_event_kind;

/* One moment of an Action Unit's course; apex and offset are told together, at the end. */
typedef struct mf2_edge_event {
  int32_t track_id;
  char label[16]; /* "AU12" */
  int32_t kind;   /* mf2_edge_event_kind */
  double timestamp_ms;
  double score;
} mf2_edge_event;

mf2_edge_status mf2_edge_open_stream(const mf2_edge_analyzer* analyzer, double detect_every_ms,
                                     mf2_edge_stream** stream);
void mf2_edge_close_stream(mf2_edge_stream* stream);

/* The faces of the next frame, which must not be older than the one before. Free what it gives. */
mf2_edge_status mf2_edge_update(mf2_edge_stream* stream, const mf2_edge_frame* frame,
                                double timestamp_ms, mf2_edge_faces** faces);

/* Forget all faces and events, as for another scene; time may begin anew. */
mf2_edge_status mf2_edge_reset(mf2_edge_stream* stream);

/* Takes at most `room` events, oldest first, and says in `count` how many. */
mf2_edge_status mf2_edge_take_events(mf2_edge_stream* stream, mf2_edge_event* events, size_t room,
                                     size_t* count);

size_t mf2_edge_face_count(const mf2_edge_faces* faces);
mf2_edge_status mf2_edge_face_at(const mf2_edge_faces* faces, size_t index, mf2_edge_face* face);
void mf2_edge_free_faces(mf2_edge_faces* faces);

#ifdef __cplusplus
}
#endif
#endif

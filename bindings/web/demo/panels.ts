/** The panels beside the picture: bars of scores, the timeline, the boxes over the faces. */
import type { FaceState, ModelSpec } from "../dist/lib/index.js";
import { ACTION_UNIT_NAMES } from "../dist/lib/index.js";

/** Seconds that the timeline shows. */
const SPAN = 30;

const COLOURS = [
  "#8d99ae",
  "#f2b632",
  "#3ba7e0",
  "#5b6fd6",
  "#e0533d",
  "#6aa84f",
  "#9b59b6",
  "#c77d4f",
];

interface Bar {
  readonly item: HTMLLIElement;
  readonly fill: HTMLElement;
  readonly value: HTMLElement;
}

/** One list of bars, keyed by label. */
export class Bars {
  private readonly bars = new Map<string, Bar>();

  /**
   * A bar a label, with a mark at the score from which each counts. What the manifest knows of a
   * label's reliability stands in its title.
   */
  constructor(list: HTMLUListElement, labels: readonly string[], spec: ModelSpec, limit?: number) {
    list.replaceChildren();
    for (const label of labels) {
      const item = list.appendChild(document.createElement("li"));
      const name = ACTION_UNIT_NAMES[label];
      const title = item.appendChild(document.createElement("span"));
      title.textContent = name ? `${label} ${name}` : label;
      title.title = `${title.textContent}: ${measured(spec, label)}`;
      const track = item.appendChild(element("div", "track"));
      const fill = track.appendChild(element("div", "fill"));
      if (limit !== undefined) {
        track.appendChild(element("div", "threshold")).style.left = `${100 * limit}%`;
      }
      this.bars.set(label, { item, fill, value: item.appendChild(element("span", "value")) });
    }
  }

  /** Show scores; those named as present stand out. */
  show(scores: Readonly<Record<string, number>>, present: (label: string) => boolean): void {
    for (const [label, { item, fill, value }] of this.bars) {
      const score = scores[label] ?? 0;
      fill.style.transform = `scaleX(${score.toFixed(3)})`;
      value.textContent = score.toFixed(2);
      item.classList.toggle("present", present(label));
    }
  }
}

/** Emotion scores of the largest face over the last seconds, stacked. */
export class Timeline {
  private moments: { at: number; scores: Readonly<Record<string, number>> | null }[] = [];
  private readonly labels: readonly string[];

  constructor(
    private readonly canvas: HTMLCanvasElement,
    legend: HTMLUListElement,
    spec: ModelSpec,
  ) {
    this.labels = spec.heads.find((head) => head.name === "emotion")!.labels;
    legend.replaceChildren(
      ...this.labels.map((label, i) => {
        const item = document.createElement("li");
        const swatch = item.appendChild(document.createElement("i"));
        swatch.style.background = COLOURS[i % COLOURS.length]!;
        item.append(label);
        return item;
      }),
    );
  }

  /** Add a moment (milliseconds) and draw; null where nobody was there. */
  add(at: number, scores: Readonly<Record<string, number>> | null): void {
    this.moments.push({ at, scores });
    while (at - this.moments[0]!.at > SPAN * 1000) this.moments.shift();
    const context = fitted(this.canvas);
    const { width, height } = this.canvas;
    context.clearRect(0, 0, width, height);
    for (let i = 1; i < this.moments.length; i++) {
      const [{ at: from }, { at: to, scores: shown }] = [this.moments[i - 1]!, this.moments[i]!];
      if (shown === null) continue;
      const left = width * (1 - (at - from) / (SPAN * 1000));
      const right = width * (1 - (at - to) / (SPAN * 1000));
      let y = height;
      this.labels.forEach((label, k) => {
        const tall = shown[label]! * height;
        context.fillStyle = COLOURS[k % COLOURS.length]!;
        context.fillRect(left, y - tall, right - left + 1, tall);
        y -= tall;
      });
    }
  }
}

/** Draw a box and the emotion at each face, in the frame's own pixels. */
export function drawFaces(
  canvas: HTMLCanvasElement,
  faces: readonly FaceState[],
  width: number,
  height: number,
  mirrored: boolean,
): void {
  if (canvas.width !== width || canvas.height !== height) {
    [canvas.width, canvas.height] = [width, height];
  }
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, width, height);
  const unit = Math.max(width, height) / 640;
  context.font = `600 ${16 * unit}px system-ui, sans-serif`;
  context.lineWidth = 2.5 * unit;
  for (const { box, emotion, landmarks, status } of faces) {
    context.strokeStyle = status === "ok" ? "#4fd1bd" : "#f2b632";
    context.beginPath();
    context.roundRect(box.x, box.y, box.width, box.height, 10 * unit);
    context.stroke();
    context.fillStyle = context.strokeStyle;
    for (const { x, y } of landmarks ? Object.values(landmarks) : []) {
      context.fillRect(x - 1.5 * unit, y - 1.5 * unit, 3 * unit, 3 * unit);
    }
    const text = `${emotion.label} ${Math.round(100 * emotion.score)} %`;
    const wide = context.measureText(text).width + 14 * unit;
    const top = Math.max(box.y - 28 * unit, 0);
    context.save();
    // The mirror turns the whole canvas; text is turned back.
    context.translate(mirrored ? box.x + box.width : box.x, top);
    if (mirrored) context.scale(-1, 1);
    context.beginPath();
    context.roundRect(0, 0, wide, 24 * unit, 6 * unit);
    context.fill();
    context.fillStyle = "#06251f";
    context.fillText(text, 7 * unit, 17.5 * unit);
    context.restore();
  }
}

/** How well a label was predicted on held-out faces, where the manifest says so. */
function measured({ reliability }: ModelSpec, label: string): string {
  const told = reliability?.action_units[label] ?? reliability?.emotion[label];
  const figures = [
    ...(told?.world ? [`${told.world.f1.toFixed(2)} (world, n=${told.world.n})`] : []),
    ...(told?.laboratory
      ? [`${told.laboratory.f1.toFixed(2)} (laboratory, n=${told.laboratory.n})`]
      : []),
  ];
  return figures.length > 0 ? `F1 ${figures.join(", ")}` : "not measured";
}

function element(tag: string, name: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

/** The context of a canvas whose pixels are those of the screen. */
function fitted(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const width = Math.round(canvas.clientWidth * devicePixelRatio);
  const height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (canvas.width !== width || canvas.height !== height)
    [canvas.width, canvas.height] = [width, height];
  return canvas.getContext("2d")!;
}

/** The worker: it does the work, so that the page never waits. Calls are answered in turn. */
import { describeError, RuntimeUnavailableError } from "./errors.js";
import { toFrame } from "./frame.js";
import type { Answer, Question } from "./messages.js";
import { Pipeline } from "./pipeline.js";
import { Scene } from "./scene.js";

/** The part of a worker's global scope that is used here. */
interface Scope {
  onmessage: ((event: MessageEvent<Question>) => void) | null;
  postMessage(answer: Answer): void;
}

const scope = globalThis as unknown as Scope;

let opened: Pipeline | undefined;
/** What each stream of the page remembers. */
const scenes = new Map<number, Scene>();
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }) => {
  last = last.then(async () => scope.postMessage(await answerTo(data)));
};

async function answerTo(question: Question): Promise<Answer> {
  try {
    return { id: question.id, answer: await call(question) };
  } catch (error) {
    return { id: question.id, error: describeError(error) };
  }
}

async function call(question: Question): Promise<unknown> {
  if (question.name === "open") {
    opened = await Pipeline.open(question.ask);
    return opened.info;
  }
  if (!opened) throw new RuntimeUnavailableError("no model is loaded; call load first");
  switch (question.name) {
    case "predict":
      return opened.predict(toFrame(question.ask.frame), question.ask.boxes);
    case "predictCrop":
      return opened.predictCrop(toFrame(question.ask));
    case "detect":
      return opened.detector.detect(toFrame(question.ask));
    case "stream": {
      const { stream, frame, timestamp, detectEveryMs } = question.ask;
      const scene = scenes.get(stream) ?? new Scene(opened, detectEveryMs);
      scenes.set(stream, scene);
      return scene.update(toFrame(frame), timestamp);
    }
    case "forget":
      return void scenes.delete(question.ask);
    case "run":
      return opened.model.run(question.ask);
  }
}

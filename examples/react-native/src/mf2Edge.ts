// What a React Native app sees: the state of every face of a picture.
import { TurboModuleRegistry } from "react-native";
import type { TurboModule } from "react-native";

/** One Action Unit; `intensity` is 0 absent to 1 marked for sure, null where the model does not tell it. */
export interface ActionUnit {
  label: string;
  score: number;
  present: boolean;
  reason: string;
  intensity: number | null;
}

/** One face; `x`, `y`, `width` and `height` are its box in pixels of the picture. */
export interface Face {
  x: number;
  y: number;
  width: number;
  height: number;
  emotion: string;
  emotionScore: number;
  reason: string;
  actionUnits: ActionUnit[];
}

interface Spec extends TurboModule {
  predict(uri: string): Promise<Face[]>;
}

const native = TurboModuleRegistry.getEnforcing<Spec>("Mf2Edge");

/**
 * The faces of the picture at `uri` (file:// or content://), largest first; none is no error.
 * Rejects with a message where the picture cannot be read.
 */
export function predict(uri: string): Promise<Face[]> {
  return native.predict(uri);
}

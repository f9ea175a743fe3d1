/**
 * Reading and checking `model.json`, which holds what is needed of a bundle's manifest.
 *
 * The same verdicts as `mf2_edge.bundle.model_json.parse_model`: the JSON Schema that Python generates
 * says what each key is, and `contradictions` what no schema can say.
 */
import { Validator, type OutputUnit } from "@cfworker/json-schema";
import { ManifestError, said } from "./errors.js";
import {
  ACTION_UNIT_NAMES,
  LANDMARK_NAMES,
  REGIONS,
  MODEL_SCHEMA,
  SCHEMA_VERSION,
  type CalibrationSpec,
  type HeadSpec,
  type LabelReliability,
  type ModelSpec,
} from "./model_types.js";

const REQUIRED = ["emotion", "action_units"] as const;
/** Of temperatures and slopes; its inverse is the largest. */
const SMALLEST = 1e-4;

/**
 * The contents of a `model.json`; `source` (its URL) is named in errors.
 *
 * Throws ManifestError: not JSON, a missing, unknown, repeated or ill-typed key, another major schema, or
 * parts that contradict each other.
 */
export function parseModel(text: string, source: string): ModelSpec {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new ManifestError(`${source}: not valid JSON (${said(error)}); expected a model.json`);
  }
  const twice = repeatedKey(text);
  if (twice !== undefined) {
    throw new ManifestError(`${source}: key \`${twice}\` more than once; expected each once`);
  }
  checkVersion((raw as { schema_version?: unknown } | null)?.schema_version, source);
  const { valid, errors } = validator().validate(raw);
  if (!valid) throw new ManifestError(`${source}: ${explain(errors)}`);
  const spec = withDefaults(raw, MODEL_SCHEMA as Schema) as ModelSpec;
  const problems = [...contradictions(spec)];
  if (problems.length > 0) throw new ManifestError(`${source}: ${problems.join("; ")}`);
  return spec;
}

/** A key that an object of a JSON text, known to be sound, holds twice: JSON.parse takes the last. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (const [token, string, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(string!) as string;
      if (open.at(-1)!.has(key)) return key;
      open.at(-1)!.add(key);
    }
  }
  return undefined;
}

/** The head of a name; `parseModel` makes sure of those that must be there. */
export function headOf(spec: ModelSpec, name: HeadSpec["name"]): HeadSpec {
  return spec.heads.find((head) => head.name === name)!;
}

/** The head of a name, where the network has one. */
export function findHead(spec: ModelSpec, name: HeadSpec["name"]): HeadSpec | undefined {
  return spec.heads.find((head) => head.name === name);
}

/** What was measured of an Action Unit or an emotion. */
export function reliabilityOf(spec: ModelSpec, label: string): LabelReliability | null {
  const told = spec.reliability;
  return told?.action_units[label] ?? told?.emotion[label] ?? null;
}

let compiled: Validator | undefined;

/** Made when first needed, so that importing the package costs nothing. */
function validator(): Validator {
  return (compiled ??= new Validator(MODEL_SCHEMA as object, "2020-12", false));
}

function checkVersion(version: unknown, source: string): void {
  const parts = typeof version === "string" ? /^(\d+)\.(\d+)$/.exec(version) : null;
  if (parts === null) {
    throw new ManifestError(
      `${source}: schema_version is ${JSON.stringify(version)}; expected "MAJOR.MINOR", ` +
        `such as "${SCHEMA_VERSION}"`,
    );
  }
  const [major, ours] = [Number(parts[1]), Number(SCHEMA_VERSION.split(".")[0])];
  if (major > ours) {
    throw new ManifestError(
      `${source}: schema ${major}.x needs a newer mf2-edge; this release reads ${ours}.x`,
    );
  }
  if (major < ours) {
    throw new ManifestError(
      `${source}: schema ${major}.x is older than what this release reads (${ours}.x); ` +
        "export the model again",
    );
  }
}

/** The innermost complaint with its place in the file. */
function explain(errors: readonly OutputUnit[]): string {
  const depth = (unit: OutputUnit) => unit.instanceLocation.split("/").length;
  const [worst] = [...errors].sort((a, b) => depth(b) - depth(a));
  const place = worst!.instanceLocation.replace(/^#/, "$").replaceAll("/", ".");
  const closed = worst!.keyword === "false" || worst!.keyword === "additionalProperties";
  const what = closed ? "unknown key; remove it or correct its spelling" : worst!.error;
  return `${what} - at \`${place}\``;
}

interface Schema {
  readonly $ref?: string;
  readonly properties?: Record<string, Schema & { readonly default?: unknown }>;
  readonly items?: Schema | false;
  readonly additionalProperties?: Schema | false;
  readonly anyOf?: readonly Schema[];
}

/** A checked value with the keys that the file left out, as the schema fills them in. */
function withDefaults(value: unknown, schema: Schema): unknown {
  if (schema.$ref) {
    const definitions = MODEL_SCHEMA["$defs"] as Record<string, Schema>;
    return withDefaults(value, definitions[schema.$ref.split("/").at(-1)!]!);
  }
  if (schema.anyOf) return value === null ? null : withDefaults(value, schema.anyOf[0]!);
  if (Array.isArray(value)) {
    const { items } = schema;
    return items ? value.map((item) => withDefaults(item, items)) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const given = value as Record<string, unknown>;
  const filled: [string, unknown][] = Object.entries(given).map(([key, part]) => {
    const below = schema.properties?.[key] ?? schema.additionalProperties;
    return [key, below ? withDefaults(part, below) : part];
  });
  const absent = Object.entries(schema.properties ?? {}).filter(([key]) => !(key in given));
  return Object.fromEntries([...filled, ...absent.map(([key, part]) => [key, part.default])]);
}

/** Every way in which the parts of the file can disagree. */
function* contradictions(spec: ModelSpec): Generator<string> {
  const names = spec.heads.map((head) => head.name);
  if (repeated(names).length > 0 || !REQUIRED.every((name) => names.includes(name))) {
    yield `$.heads: expected one head each of ${REQUIRED.join(", ")}, found ${names.join(", ")}`;
    return;
  }
  yield* headContradictions(spec);
  yield* labelContradictions(spec);
  yield* extremes(spec.calibration);
  const { alignment, input, preprocessing, artifacts } = spec;
  if (alignment.width !== input.width || alignment.height !== input.height) {
    yield (
      `$.alignment is ${alignment.width}x${alignment.height} px, but $.input takes ` +
      `${input.width}x${input.height} px; expected the same size`
    );
  }
  const strange = Object.keys(alignment.points).filter(
    (name) => !(LANDMARK_NAMES as readonly string[]).includes(name),
  );
  if (strange.length > 0) {
    yield (
      `$.alignment.points: unknown landmarks ${strange.join(", ")}; ` +
      `expected some of ${LANDMARK_NAMES.join(", ")}`
    );
  }
  if (new Set(Object.values(alignment.points).map(String)).size < 2) {
    yield "$.alignment.points: expected at least two different points";
  }
  if (preprocessing.std.includes(0)) {
    yield "$.preprocessing.std: 0 would divide by zero; expected numbers other than 0";
  }
  if (artifacts.length === 0) yield "$.artifacts: empty; expected at least one model file";
  const kinds = artifacts.map(({ format, precision, io_dtype, delegate }) =>
    [format, precision, io_dtype === "int8" ? "int8 inputs and outputs" : "", delegate ?? ""]
      .filter((part) => part !== "")
      .join(" "),
  );
  for (const twice of repeated(kinds)) {
    yield `$.artifacts: ${twice} more than once; expected one file of a kind`;
  }
  for (const { file } of artifacts) {
    if (leaves(file)) yield `\`${file}\` is not a path inside the bundle`;
  }
}

/** Numbers that are finite, and would not leave the scores so. */
function* extremes(calibration: CalibrationSpec): Generator<string> {
  const units = [
    ...Object.entries(calibration.action_units),
    ...Object.entries(calibration.strength),
  ];
  const slopes = units.map(([label, { scale }]) => [label, scale] as const);
  for (const [name, value] of [
    ...slopes,
    ["emotion.temperature", calibration.emotion.temperature] as const,
  ]) {
    if (!(value >= SMALLEST && value <= 1 / SMALLEST)) {
      yield `$.calibration (${name}) is ${value}; expected ${SMALLEST} to ${1 / SMALLEST}`;
    }
  }
  for (const [label, { bias }] of [...units, ...Object.entries(calibration.visibility)]) {
    if (!(Math.abs(bias) <= 1 / SMALLEST)) {
      yield `$.calibration (${label}): bias is ${bias}; expected ${1 / SMALLEST} at most`;
    }
  }
}

function* headContradictions(spec: ModelSpec): Generator<string> {
  for (const { name, labels } of spec.heads) {
    const where = `$.heads (${name})`;
    if (labels.length === 0) yield `${where}: no labels; expected one a logit`;
    const twice = repeated(labels);
    if (twice.length > 0) yield `${where}: labels ${twice.join(", ")} more than once`;
  }
  const outputs = [...spec.heads, ...spec.embeddings].map((each) => each.output);
  if (repeated(outputs).length > 0) {
    yield `$.heads, $.embeddings: outputs ${outputs.join(", ")}; expected different outputs`;
  }
}

/** Labels that mean nothing, and labels by which two parts speak of different things. */
function* labelContradictions(spec: ModelSpec): Generator<string> {
  const units = headOf(spec, "action_units").labels;
  const strength = findHead(spec, "strength")?.labels ?? [];
  const regions = findHead(spec, "visibility")?.labels ?? [];
  const unknown = units.filter((label) => !Object.hasOwn(ACTION_UNIT_NAMES, label));
  if (unknown.length > 0) {
    yield `$.heads (action_units): ${unknown.join(", ")} are not FACS Action Units such as AU12`;
  }
  const strange = regions.filter((label) => !REGIONS.includes(label));
  if (strange.length > 0) {
    yield (
      `$.heads (visibility): unknown regions ${strange.join(", ")}; ` +
      `expected some of ${REGIONS.join(", ")}`
    );
  }
  if (strength.length > 0 && strength.join() !== units.join()) {
    yield "$.heads (strength): expected the labels of head action_units in their order";
  }
  const { calibration, reliability } = spec;
  const calibrated = [
    ["action_units", Object.keys(calibration.action_units), units],
    ["strength", Object.keys(calibration.strength), strength],
    ["visibility", Object.keys(calibration.visibility), regions],
  ] as const;
  for (const [name, found, labels] of calibrated) {
    const odd = [...strangers(labels, found), ...strangers(found, labels)];
    if (odd.length > 0) {
      yield (
        `$.calibration.${name} and the labels of head ${name} differ in ` +
        `${odd.join(", ")}; expected one entry a label`
      );
    }
  }
  const named = [
    ["experimental", spec.experimental, units],
    ["reliability.action_units", Object.keys(reliability?.action_units ?? {}), units],
    [
      "reliability.emotion",
      Object.keys(reliability?.emotion ?? {}),
      headOf(spec, "emotion").labels,
    ],
  ] as const;
  for (const [part, found, labels] of named) {
    const odd = strangers(found, labels);
    if (odd.length > 0) yield `$.${part}: ${odd.join(", ")} are no labels of the head`;
  }
}

function strangers(found: readonly string[], known: readonly string[]): string[] {
  return found.filter((label) => !known.includes(label));
}

function repeated<T>(values: readonly T[]): T[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}

/** Whether a path is anything but a plain relative path with forward slashes. */
function leaves(file: string): boolean {
  const parts = file.split("/");
  return /[\\:\0]/.test(file) || parts.some((part) => ["", ".", ".."].includes(part));
}

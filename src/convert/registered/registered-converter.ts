/**
 * Converters whose bytes refer to a schema in a registry: a zero, the schema's id in four bytes, the value. Schemas are
 * registered or looked up beforehand (`prepare`); conversion itself waits for nothing.
 */
import type { Clock } from '../../base/clock.ts';
import { isRetriable, TributaryError } from '../../base/errors.ts';
import type { Schema } from '../../record/schema.ts';
import type { Converter } from '../converter.ts';

export interface RegisteredSchema {
  readonly id: number;
  /** Its text, which may be another one than was asked for: the latest version of a subject. */
  readonly text: string;
}

/** What a converter needs of a schema registry. Rejects with errors whose `retriable` tells whether trying again can help. */
export interface SchemaIds {
  idOf(subject: string, text: string, signal: AbortSignal | undefined): Promise<RegisteredSchema>;
}

/** A way to write values: Avro, JSON Schema. */
export interface SchemaFormat {
  /** Text of a schema for the registry. CONVERSION_FAILED where it cannot be said. */
  describe(schema: Schema): string;
  /** What subjects may be named by; undefined for a schema without a name. */
  recordName(schema: Schema): string | undefined;
  /** Writes the id in front of the value. */
  encoder(schema: Schema, registered: RegisteredSchema): (value: unknown) => Uint8Array;
}

export type SubjectName = (topic: string, recordName: () => string) => string;

type Entry =
  | { readonly kind: 'ready'; readonly encode: (value: unknown) => Uint8Array }
  | { readonly kind: 'failed'; readonly error: TributaryError; readonly atMs: number };

/** Schema objects held for a topic, more than a batch has records. The oldest goes when it is full. */
const maxSchemas = 10_000;
/** Texts whose ids are known: sources that make their schema objects anew for each record share what was made for them. */
const maxTexts = 1000;
/** Before a schema that was refused is sent again: someone may have changed the registry's rules. */
const refusedForMs = 10_000;

export class RegisteredConverter implements Converter {
  readonly #format: SchemaFormat;
  readonly #ids: SchemaIds;
  readonly #subjectName: SubjectName;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Map<Schema, Entry>>();
  readonly #encoders = new Map<string, (value: unknown) => Uint8Array>();
  #lastTopic: string | undefined;
  #lastSchema: Schema | undefined;
  #lastEncode: ((value: unknown) => Uint8Array) | undefined;

  constructor(format: SchemaFormat, ids: SchemaIds, subjectName: SubjectName, clock: Clock) {
    this.#format = format;
    this.#ids = ids;
    this.#subjectName = subjectName;
    this.#clock = clock;
  }

  passes(): boolean {
    return false;
  }

  prepare(topic: string, schema: Schema | null, signal?: AbortSignal): Promise<void> | undefined {
    if (schema === null || (schema === this.#lastSchema && topic === this.#lastTopic)) return undefined;
    const entry = this.#entries.get(topic)?.get(schema);
    if (entry?.kind === 'ready') return undefined;
    if (entry !== undefined && !isRetriable(entry.error) && this.#clock.monotonicMs() - entry.atMs < refusedForMs) {
      return undefined;
    }
    return this.#register(topic, schema, signal);
  }

  toBytes(topic: string, schema: Schema | null, value: unknown): Uint8Array | null {
    if (value === null || value === undefined) return null;
    if (schema === null) {
      throw new TributaryError(
        'CONVERSION_FAILED',
        `Cannot write a value for topic "${topic}" with a registered schema: it has none. A transform can give it one (HoistField, Cast)`,
      );
    }
    if (schema === this.#lastSchema && topic === this.#lastTopic) return this.#lastEncode!(value);
    const entry = this.#entries.get(topic)?.get(schema);
    if (entry === undefined) throw new TributaryError('INTERNAL', `The schema for topic "${topic}" was not prepared`);
    if (entry.kind === 'failed') throw entry.error;
    this.#lastTopic = topic;
    this.#lastSchema = schema;
    this.#lastEncode = entry.encode;
    return entry.encode(value);
  }

  async #register(topic: string, schema: Schema, signal: AbortSignal | undefined): Promise<void> {
    let entry: Entry;
    try {
      const subject = this.#subjectName(topic, () => this.#nameOf(schema));
      const text = this.#format.describe(schema);
      const key = `${subject}\n${text}`;
      let encode = this.#encoders.get(key);
      if (encode === undefined) {
        encode = this.#format.encoder(schema, await this.#ids.idOf(subject, text, signal));
        if (this.#encoders.size >= maxTexts) this.#encoders.delete(this.#encoders.keys().next().value!);
        this.#encoders.set(key, encode);
      }
      entry = { kind: 'ready', encode };
    } catch (error) {
      entry = { kind: 'failed', error: asError(topic, error), atMs: this.#clock.monotonicMs() };
    }
    this.#keep(topic, schema, entry);
  }

  #keep(topic: string, schema: Schema, entry: Entry): void {
    const entries = this.#entries.get(topic) ?? new Map<Schema, Entry>();
    this.#entries.set(topic, entries);
    if (entries.size >= maxSchemas && !entries.has(schema)) entries.delete(entries.keys().next().value!);
    entries.set(schema, entry);
  }

  #nameOf(schema: Schema): string {
    const name = this.#format.recordName(schema);
    if (name !== undefined) return name;
    throw new TributaryError(
      'CONVERSION_FAILED',
      `Cannot name a subject after a schema of type ${schema.type}: only structs have a name. TopicNameStrategy needs none`,
    );
  }
}

function asError(topic: string, error: unknown): TributaryError {
  if (error instanceof TributaryError) return error;
  return new TributaryError('CONVERSION_FAILED', `Cannot describe the schema for topic "${topic}"`, { cause: error });
}

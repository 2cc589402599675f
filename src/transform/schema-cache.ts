import type { Schema } from '../record/schema.ts';

/** Schemas held for one transform. A connector uses a few, always the same objects. */
const maxSchemas = 64;

/**
 * What is derived from a schema, kept by the schema's identity: the one of the record before is found without a look-up.
 * When it is full the oldest entry goes, so that a source that makes a schema for each record costs time, not memory.
 */
export class SchemaCache<T> {
  readonly #derive: (schema: Schema) => T;
  readonly #derived = new Map<Schema, T>();
  #last: Schema | undefined;
  #lastDerived: T | undefined;

  constructor(derive: (schema: Schema) => T) {
    this.#derive = derive;
  }

  get(schema: Schema): T {
    if (schema === this.#last) return this.#lastDerived as T;
    let derived = this.#derived.get(schema);
    if (derived === undefined) {
      derived = this.#derive(schema);
      if (this.#derived.size >= maxSchemas) this.#derived.delete(this.#derived.keys().next().value!);
      this.#derived.set(schema, derived);
    }
    this.#last = schema;
    this.#lastDerived = derived;
    return derived;
  }
}

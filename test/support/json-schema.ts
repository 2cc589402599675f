/** Looks whether values have the shape that an OpenAPI document says, for the part of JSON Schema that ours uses. */
export type Schema = Readonly<Record<string, unknown>>;

const knownWords = ['$ref', 'type', 'enum', 'properties', 'required', 'additionalProperties', 'items', 'anyOf'];

/** What is wrong, with where it is; nothing for a value that fits. A member that the schema does not name is wrong, too. */
export function shapeProblems(value: unknown, schema: Schema, definitions: Schema, at = '$'): string[] {
  const strange = Object.keys(schema).filter((word) => !knownWords.includes(word) && word !== 'description');
  if (strange.length > 0) throw new Error(`${at}: this checker does not know ${strange.join(', ')}`);
  const { $ref, type, enum: words, items, anyOf } = schema;
  if (typeof $ref === 'string') {
    const name = $ref.replace('#/components/schemas/', '');
    const found = definitions[name];
    return found === undefined ? [`${at}: no schema ${name}`] : shapeProblems(value, found as Schema, definitions, at);
  }
  if (Array.isArray(anyOf)) {
    const tried = (anyOf as Schema[]).map((each) => shapeProblems(value, each, definitions, at));
    return tried.some((problems) => problems.length === 0) ? [] : tried.flat();
  }
  if (Array.isArray(words)) return words.includes(value) ? [] : [`${at}: ${JSON.stringify(value)} is none of ${words}`];
  const types = [type].flat();
  if (!types.includes(typeOf(value)) && !(types.includes('number') && typeOf(value) === 'integer')) {
    return [`${at}: it is ${typeOf(value)}, not ${types.join(' or ')}`];
  }
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => shapeProblems(item, items as Schema, definitions, `${at}[${index}]`));
  }
  return typeOf(value) === 'object' ? memberProblems(value as Schema, schema, definitions, at) : [];
}

function memberProblems(value: Schema, schema: Schema, definitions: Schema, at: string): string[] {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>;
  const others = schema['additionalProperties'] as Schema | undefined;
  const missing = ((schema['required'] ?? []) as string[]).filter((name) => !(name in value));
  const isOpen = schema['properties'] === undefined && others === undefined;
  return [
    ...missing.map((name) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, member]) => {
      const of = properties[name] ?? others;
      if (of !== undefined) return shapeProblems(member, of, definitions, `${at}.${name}`);
      return isOpen ? [] : [`${at}.${name} is not in the schema`];
    }),
  ];
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

/** The OpenAPI document of the REST interface (OpenAPI 3.1). */
import { type Operation, operations } from './operations.ts';
import { type JsonSchema, ref, schemas } from './schemas.ts';

const json = 'application/json';

export type OpenApiDocument = Readonly<Record<string, unknown>> & {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

export interface DocumentOptions {
  /** Our own. */
  readonly version: string;
  /** Beside those of Kafka Connect. */
  readonly more?: readonly Operation[];
  /** Whether there are access rules, and which paths need no login; `openPaths` undefined: none needs one. */
  readonly access?: { readonly openPaths: readonly string[] | undefined };
}

export function openApiDocument({ version, more = [], access }: DocumentOptions): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of [...operations, ...more]) {
    const { path, method } = operation;
    const isOpen = access?.openPaths?.includes(path) ?? true;
    const guarded =
      access === undefined ? operation : withRefusals(operation, isOpen ? rules : { ...rules, ...logins });
    paths[path] = { ...paths[path], [method]: { ...describe(guarded), ...(isOpen ? { security: [] } : {}) } };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tributary',
      version,
      description:
        'Runs connectors. The interface is that of Kafka Connect 4.1: its clients work with it. A slash at the end of a path does not matter.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas,
      securitySchemes: { basic: { type: 'http', scheme: 'basic' }, bearer: { type: 'http', scheme: 'bearer' } },
    },
    security: access?.openPaths === undefined ? [] : [{ basic: [] }, { bearer: [] }],
  };
}

const rules = { 403: 'The host or the origin of the request is not allowed, or the role' };
const logins = { 401: 'A login is wanted', 429: 'Too many logins failed: Retry-After says when to try again' };

function withRefusals(operation: Operation, more: Readonly<Record<number, string>>): Operation {
  const refusals: Record<number, string> = { ...operation.refusals };
  for (const [status, meaning] of Object.entries(more)) {
    const own = refusals[Number(status)];
    refusals[Number(status)] = own === undefined ? meaning : `${own}. ${meaning}`;
  }
  return { ...operation, refusals };
}

function describe(operation: Operation): Readonly<Record<string, unknown>> {
  const { method, path, tag, summary, answers, refusals = {}, body, query = {}, contentType = json } = operation;
  const pathNames = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const responses: Record<string, unknown> = {};
  for (const [status, meaning] of Object.entries({ ...refusals, 500: 'It failed, or the body cannot be read' })) {
    responses[status] = answer(meaning, ref('ErrorBody'), json);
  }
  for (const [status, schema] of Object.entries(answers)) {
    const of = isUpload(operation) ? json : contentType;
    responses[status] = schema === null ? { description: 'Done' } : answer(summary, schema, of);
  }
  return {
    operationId: operationId(method, path),
    tags: [tag],
    summary,
    parameters: [
      ...pathNames.map((name) => ({
        name,
        in: 'path',
        required: true,
        schema: { type: name === 'task' ? 'integer' : 'string' },
      })),
      ...Object.entries(query).map(([name, description]) => ({
        name,
        in: 'query',
        description,
        schema: { type: 'string' },
      })),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { [contentType]: { schema: ref(body) } } } }),
    responses,
  };
}

function answer(description: string, schema: JsonSchema, contentType: string): unknown {
  return { description, content: { [contentType]: { schema } } };
}

/** What takes a body of another type answers in JSON. */
function isUpload({ body, contentType }: Operation): boolean {
  return body !== undefined && contentType !== undefined;
}

/** `get /connectors/{connector}/status` is `getConnectorsConnectorStatus`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z]+/).filter((word) => word !== '');
  return method + (words.length === 0 ? 'Root' : words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join(''));
}

/** The OpenAPI document of the REST interface (OpenAPI 3.1). */
import { type Operation, operations } from './operations.ts';
import { type JsonSchema, ref, schemas } from './schemas.ts';

export type OpenApiDocument = Readonly<Record<string, unknown>> & {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

/** `version` is our own. */
export function openApiDocument(version: string): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
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
    security: [{}, { basic: [] }, { bearer: [] }],
  };
}

function describe({ method, path, tag, summary, answers, refusals = {}, body, query = {} }: Operation): unknown {
  const pathNames = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const responses: Record<string, unknown> = {};
  for (const [status, schema] of Object.entries(answers)) {
    responses[status] = schema === null ? { description: 'Done' } : answer(summary, schema, path);
  }
  for (const [status, meaning] of Object.entries({ ...refusals, 500: 'It failed, or the body cannot be read' })) {
    responses[status] = answer(meaning, ref('ErrorBody'), '');
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
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(ref(body)) } }),
    responses,
  };
}

function answer(description: string, schema: JsonSchema, path: string): unknown {
  return { description, content: path === '/metrics' ? { 'text/plain': { schema } } : json(schema) };
}

function json(schema: JsonSchema): Readonly<Record<string, unknown>> {
  return { 'application/json': { schema } };
}

/** `get /connectors/{connector}/status` is `getConnectorsConnectorStatus`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z]+/).filter((word) => word !== '');
  return method + (words.length === 0 ? 'Root' : words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join(''));
}

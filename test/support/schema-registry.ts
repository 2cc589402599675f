/**
 * A schema registry on 127.0.0.1 with Confluent's API, as far as producers need it: subjects, versions, ids, lookups,
 * compatibility (a field that is new must have a default), configuration, logins, and its error codes. Avro and JSON.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import avsc from 'avsc';

export interface RegistryOptions {
  /** `user:password` or a whole Authorization header that every request must show. */
  readonly login?: string;
}

export interface RegistryRequest {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
}

interface Version {
  readonly id: number;
  readonly version: number;
  readonly schema: string;
  readonly schemaType: string;
}

type Answer = readonly [status: number, body: unknown];

export class TestRegistry implements AsyncDisposable {
  readonly requests: RegistryRequest[] = [];
  /** Answers of this status to every request, until it is undefined. */
  broken: number | undefined;
  readonly #server: Server;
  readonly #subjects = new Map<string, Version[]>();
  readonly #ids = new Map<string, number>();
  #compatibility = 'BACKWARD';

  constructor({ login }: RegistryOptions = {}) {
    this.#server = createServer((request, response) => {
      this.#answer(request, login)
        .catch((error: unknown): Answer => [500, { error_code: 50001, message: String(error) }])
        .then(([status, body]) => {
          response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
          response.end(JSON.stringify(body));
        }, console.error);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  subjects(): string[] {
    return [...this.#subjects.keys()];
  }

  /** Text of a schema by its id. */
  schema(id: number): string {
    for (const versions of this.#subjects.values()) for (const one of versions) if (one.id === id) return one.schema;
    throw new Error(`there is no schema ${id}`);
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, login: string | undefined): Promise<Answer> {
    const { method = '', url = '' } = request;
    const { authorization } = request.headers;
    this.requests.push({ method, url, authorization });
    const body = await text(request);
    if (this.broken !== undefined) return [this.broken, { error_code: 50003, message: 'broken on purpose' }];
    const wanted = login?.includes(' ') ? login : login && `Basic ${Buffer.from(login).toString('base64')}`;
    if (wanted !== undefined && authorization !== wanted) {
      return [401, { error_code: 401, message: 'Unauthorized' }];
    }
    const [path = ''] = url.split('?');
    const parts = path.split('/').slice(1).map(decodeURIComponent);
    const given = body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
    return this.#route(`${method} ${parts.length}`, parts, given);
  }

  #route(what: string, parts: readonly string[], given: Record<string, unknown>): Answer {
    const [first, subject = '', , version = ''] = parts;
    const versions = this.#subjects.get(subject);
    if (what === 'GET 1' && first === 'subjects') return [200, this.subjects()];
    if (what === 'POST 3' && first === 'subjects') return this.#register(subject, given);
    if (what === 'POST 2' && first === 'subjects') return this.#lookUp(subject, given);
    if (what === 'GET 3' && first === 'subjects') {
      if (versions === undefined) return noSubject(subject);
      return [200, versions.map((one) => one.version)];
    }
    if (what === 'GET 4' && first === 'subjects') {
      if (versions === undefined) return noSubject(subject);
      const found = version === 'latest' ? versions.at(-1) : versions.find((one) => String(one.version) === version);
      if (found === undefined) return [404, { error_code: 40402, message: 'Version not found.' }];
      return [200, { subject, ...found }];
    }
    if (what === 'GET 3' && first === 'schemas') {
      const id = Number(parts[2]);
      if (![...this.#ids.values()].includes(id)) {
        return [404, { error_code: 40403, message: `Schema ${id} not found` }];
      }
      return [200, { schema: this.schema(id) }];
    }
    if (what === 'GET 1' && first === 'config') return [200, { compatibilityLevel: this.#compatibility }];
    if (what === 'PUT 1' && first === 'config') {
      this.#compatibility = String(given['compatibility']);
      return [200, { compatibility: this.#compatibility }];
    }
    return [404, { error_code: 404, message: 'HTTP 404 Not Found' }];
  }

  #register(subject: string, given: Record<string, unknown>): Answer {
    const schema = String(given['schema']);
    const schemaType = String(given['schemaType'] ?? 'AVRO');
    const problem = problemOf(schema, schemaType);
    if (problem !== undefined) return [422, { error_code: 42201, message: `Invalid schema: ${problem}` }];
    const versions = this.#subjects.get(subject) ?? [];
    const known = versions.find((one) => one.schema === schema);
    if (known !== undefined) return [200, { id: known.id }];
    const before = versions.at(-1);
    if (
      before !== undefined &&
      schemaType === 'AVRO' &&
      this.#compatibility === 'BACKWARD' &&
      !canRead(schema, before.schema)
    ) {
      return [
        409,
        {
          error_code: 409,
          message: `Schema being registered is incompatible with an earlier schema for subject "${subject}"`,
        },
      ];
    }
    const key = `${schemaType} ${schema}`;
    const id = this.#ids.get(key) ?? this.#ids.size + 1;
    this.#ids.set(key, id);
    this.#subjects.set(subject, [...versions, { id, version: versions.length + 1, schema, schemaType }]);
    return [200, { id }];
  }

  #lookUp(subject: string, given: Record<string, unknown>): Answer {
    const versions = this.#subjects.get(subject);
    if (versions === undefined) return noSubject(subject);
    const found = versions.find((one) => one.schema === given['schema']);
    if (found === undefined) return [404, { error_code: 40403, message: 'Schema not found' }];
    return [200, { subject, ...found }];
  }
}

function noSubject(subject: string): Answer {
  return [404, { error_code: 40401, message: `Subject '${subject}' not found.` }];
}

function problemOf(schema: string, schemaType: string): string | undefined {
  try {
    if (schemaType === 'AVRO') avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema);
    else JSON.parse(schema);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function canRead(reader: string, writer: string): boolean {
  try {
    const type = avsc.Type.forSchema(JSON.parse(reader) as avsc.Schema);
    type.createResolver(avsc.Type.forSchema(JSON.parse(writer) as avsc.Schema));
    return true;
  } catch {
    return false; // the answer: they do not go together
  }
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

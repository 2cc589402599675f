/**
 * Asks a schema registry with Confluent's API. Down is retriable, refused is not: a schema that does not fit its subject
 * stays unfit, and a login that is wrong stays wrong.
 */
import { isError, isRetriable, TributaryError } from '../base/errors.ts';
import type { SchemaType } from '../convert/converter.ts';
import type { RegisteredSchema, SchemaIds } from '../convert/registered/registered-converter.ts';
import type { RegistryConfig } from '../convert/registered/registry-config.ts';
import type { HttpAnswer } from '../net/http-request.ts';
import { type HttpTarget, httpTarget } from '../net/http-url.ts';
import type { OutboundPolicy } from '../net/outbound-policy.ts';
import { TlsTrust } from '../net/tls-trust.ts';
import { authorization } from './credentials.ts';

const mediaType = 'application/vnd.schemaregistry.v1+json';

export class RegistryClient implements SchemaIds {
  readonly #config: RegistryConfig;
  readonly #type: SchemaType;
  readonly #urls: readonly HttpTarget[];
  readonly #authorization: string | undefined;
  readonly #tls: TlsTrust;
  readonly #outbound: OutboundPolicy;
  /** The URL that answered last; it is asked first. */
  #first = 0;

  /** CONFIG_INVALID where options contradict each other. */
  constructor(config: RegistryConfig, type: SchemaType, outbound: OutboundPolicy) {
    this.#config = config;
    this.#type = type;
    this.#outbound = outbound;
    this.#urls = config['schema.registry.url'].map((url) => httpTarget(url, 'schema.registry.url'));
    this.#authorization = authorization(config);
    this.#tls = new TlsTrust({
      prefix: 'schema.registry.ssl',
      ca: config['schema.registry.ssl.truststore.certificates'] ?? config['schema.registry.ssl.truststore.location'],
      cert: config['schema.registry.ssl.keystore.certificate.chain'] ?? config['schema.registry.ssl.keystore.location'],
      key: config['schema.registry.ssl.keystore.key'] ?? config['schema.registry.ssl.keystore.location'],
      passphrase: config['schema.registry.ssl.key.password'],
      servername: null,
      insecure: false,
    });
    if (config['auto.register.schemas'] && (config['use.latest.version'] || config['use.schema.id'] >= 0)) {
      throw new TributaryError(
        'CONFIG_INVALID',
        'use.latest.version and use.schema.id need auto.register.schemas=false: what is registered is not looked at otherwise',
      );
    }
  }

  async idOf(subject: string, text: string, signal: AbortSignal | undefined): Promise<RegisteredSchema> {
    const { 'use.schema.id': fixed, 'use.latest.version': latest, 'auto.register.schemas': register } = this.#config;
    const path = `/subjects/${encodeURIComponent(subject)}`;
    if (fixed >= 0) return { id: fixed, text: await this.#schemaText(`/schemas/ids/${fixed}`, subject, signal) };
    if (latest) return this.#latest(`${path}/versions/latest`, subject, signal);
    const normalize = this.#config['normalize.schemas'] ? '?normalize=true' : '';
    const body = JSON.stringify({ schema: text, ...(this.#type === 'AVRO' ? {} : { schemaType: this.#type }) });
    const answer = await this.#ask('POST', `${path}${register ? '/versions' : ''}${normalize}`, subject, body, signal);
    return { id: idIn(answer, subject), text };
  }

  async #latest(path: string, subject: string, signal: AbortSignal | undefined): Promise<RegisteredSchema> {
    const answer = await this.#ask('GET', path, subject, undefined, signal);
    const { schema, schemaType = 'AVRO' } = answer;
    if (typeof schema !== 'string' || schemaType !== this.#type) {
      throw new TributaryError(
        'CONVERSION_FAILED',
        `Cannot use the latest schema of subject "${subject}": it is of type ${String(schemaType)}, ${this.#type} is wanted`,
      );
    }
    return { id: idIn(answer, subject), text: schema };
  }

  async #schemaText(path: string, subject: string, signal: AbortSignal | undefined): Promise<string> {
    const { schema } = await this.#ask('GET', path, subject, undefined, signal);
    if (typeof schema === 'string') return schema;
    throw unusable(subject);
  }

  /** The answer of the first URL that has one. A refusal counts as an answer. */
  async #ask(
    method: string,
    path: string,
    subject: string,
    body: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Readonly<Record<string, unknown>>> {
    let failure: unknown;
    for (let i = 0; i < this.#urls.length; i++) {
      const at = (this.#first + i) % this.#urls.length;
      try {
        const answer = await this.#request(this.#urls[at]!, method, path, body, signal);
        const parsed = parsedAnswer(answer, subject);
        this.#first = at;
        return parsed;
      } catch (error) {
        if (!isRetriable(error)) throw error;
        failure ??= error;
      }
    }
    throw failure;
  }

  async #request(
    url: HttpTarget,
    method: string,
    path: string,
    body: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<HttpAnswer> {
    // The HTTP client is only loaded where a registry is used.
    const { httpRequest } = await import('../net/http-request.ts');
    const { 'proxy.host': proxyHost, 'proxy.port': proxyPort, 'http.read.timeout.ms': timeoutMs } = this.#config;
    const login = this.#authorization ?? url.basicAuth ?? undefined;
    return httpRequest({
      target: httpTarget(url.url.replace(/\/*$/, '') + path, 'schema.registry.url'),
      method,
      headers: [
        ['Accept', `${mediaType}, application/json`],
        ...(body === undefined ? [] : [['Content-Type', mediaType] as const]),
      ],
      private: login === undefined ? [] : [['Authorization', login]],
      ...(body === undefined ? {} : { body }),
      route: {
        proxy: proxyHost === '' ? null : `http://${proxyHost}:${proxyPort < 0 ? 8080 : proxyPort}`,
        tls: this.#tls,
        outbound: this.#outbound,
      },
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    }).catch((error: unknown) => {
      if (isError(error, 'ABORTED'))
        throw new TributaryError('ABORTED', error.message, { retriable: false, cause: error });
      throw error;
    });
  }
}

function parsedAnswer({ status, statusText, body }: HttpAnswer, subject: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8'));
  } catch {
    parsed = undefined; // said below, with the status
  }
  const object =
    typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : undefined;
  if (status === 200 && object !== undefined) return object;
  const message = typeof object?.['message'] === 'string' ? `: ${object['message'].slice(0, 500)}` : '';
  const code = typeof object?.['error_code'] === 'number' ? ` (error ${object['error_code']})` : '';
  const what = `The schema registry answered ${status} ${statusText} for subject "${subject}"${code}${message}`;
  if (status === 401 || status === 403) throw new TributaryError('AUTHENTICATION_FAILED', what);
  if (status === 429 || status >= 500 || status === 408) {
    throw new TributaryError('CONNECTION_FAILED', what, { retriable: true });
  }
  if (status === 200) throw unusable(subject);
  throw new TributaryError('CONVERSION_FAILED', what);
}

function idIn(answer: Readonly<Record<string, unknown>>, subject: string): number {
  const { id } = answer;
  if (typeof id === 'number' && Number.isInteger(id)) return id;
  throw unusable(subject);
}

function unusable(subject: string): TributaryError {
  return new TributaryError(
    'PROTOCOL_ERROR',
    `Cannot use the schema registry's answer for subject "${subject}": it has no schema`,
  );
}

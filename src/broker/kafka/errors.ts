/**
 * Turns what Kafka and its client say into our closed list of errors: error codes of answers, and the client's trees of
 * errors (MultipleErrors > ResponseError > ProtocolError, NetworkError > errors of Node's TLS). Nothing here holds a
 * password: only the mechanism and the user's name are named.
 */
import { describeError, type ErrorCode, TributaryError } from '../../base/errors.ts';
import { kafkaErrorName, kafkaErrors } from './error-codes.ts';

/** What the connection was asked to be, for the text of its errors. */
export interface ConnectionFacts {
  /** `host:port`. */
  readonly address: string;
  readonly tls: boolean;
  readonly sasl?: { readonly mechanism: string; readonly username?: string };
  /** The broker has answered on this connection: how it speaks is right. */
  readonly isProven?: boolean;
}

/** An error that Kafka named itself. */
export class KafkaError extends TributaryError {
  readonly apiCode: number;

  constructor(apiCode: number, code: ErrorCode, message: string, retriable: boolean) {
    super(code, message, { retriable });
    this.apiCode = apiCode;
  }
}

/** Kafka's code of an error, undefined where Kafka did not name it. */
export function apiCodeOf(error: unknown): number | undefined {
  return error instanceof KafkaError ? error.apiCode : undefined;
}

/** The error that stands for a code of an answer: `Cannot <what>: <NAME>, <detail>`. */
export function errorOfCode(apiCode: number, what: string, detail?: string | null): KafkaError {
  const { code, retriable } = kafkaErrors.get(apiCode) ?? { code: 'BROKER_REJECTED' as ErrorCode, retriable: false };
  const behind = detail === undefined || detail === null || detail === '' ? '' : ` (${detail})`;
  return new KafkaError(apiCode, code, `Cannot ${what}: Kafka says ${kafkaErrorName(apiCode)}${behind}`, retriable);
}

/** Throws the error of a code that is not 0. */
export function check(apiCode: number, what: string, detail?: string | null): void {
  if (apiCode !== 0) throw errorOfCode(apiCode, what, detail);
}

export function isRetriableCode(apiCode: number): boolean {
  return kafkaErrors.get(apiCode)?.retriable ?? false;
}

/** The error of a request or of a connection attempt that failed below the protocol, or in the authentication. */
export function errorOfClient(error: unknown, facts: ConnectionFacts): TributaryError {
  if (error instanceof TributaryError) return error;
  const parts = flatten(error);
  return (
    authenticationError(parts, facts, error) ??
    tlsError(parts, facts, error) ??
    protocolError(parts, facts, error) ??
    networkError(parts, facts, error)
  );
}

/** Every error of a tree, outermost first. Bounded: a cycle of causes ends. */
function flatten(error: unknown, into: ErrorPart[] = []): ErrorPart[] {
  if (!(error instanceof Error) || into.length >= 50 || into.includes(error)) return into;
  into.push(error);
  for (const nested of (error as ErrorPart).errors ?? []) flatten(nested, into);
  return flatten(error.cause, into);
}

/** What the errors of the client and of Node may carry. */
interface ErrorPart extends Error {
  readonly code?: string;
  readonly apiCode?: number;
  readonly serverErrorMessage?: string | null;
  readonly errors?: readonly unknown[];
  readonly response?: { readonly mechanisms?: readonly string[] };
}

const unsupportedMechanism = 33;
const illegalSaslState = 34;
const authenticationFailed = 58;

function authenticationError(
  parts: readonly ErrorPart[],
  facts: ConnectionFacts,
  cause: unknown,
): TributaryError | undefined {
  const { sasl } = facts;
  if (sasl === undefined) return undefined;
  const mechanism = sasl.mechanism.toUpperCase();
  const as = sasl.username === undefined ? mechanism : `${mechanism} as "${sasl.username}"`;
  const text = (problem: string): TributaryError =>
    new TributaryError(
      'AUTHENTICATION_FAILED',
      `Cannot authenticate at ${facts.address} by SASL ${as}: ${problem}`,
      // The client's own tree is left out: nobody has checked each of its texts for the password.
      {},
    );
  if (parts.some((part) => part.apiCode === unsupportedMechanism)) {
    const offered = parts.find((part) => part.response?.mechanisms !== undefined)?.response?.mechanisms ?? [];
    const wanted = offered.length === 0 ? '' : `, it offers ${offered.join(', ')}`;
    return text(`the listener does not take this mechanism${wanted}`);
  }
  if (parts.some((part) => part.apiCode === illegalSaslState)) return text('this port takes no SASL');
  if (parts.some((part) => part.apiCode === authenticationFailed))
    return text('the broker refused the user name or the password');
  const own = parts.find((part) => part.code === 'PLT_KFK_AUTHENTICATION');
  if (own === undefined || networkBroke(parts)) return undefined;
  return text(
    describeError(cause).includes('signature') ? 'the broker does not know the password either' : own.message,
  );
}

/** True where the connection ended below: then the authentication said nothing. */
function networkBroke(parts: readonly ErrorPart[]): boolean {
  return parts.some((part) => part.message === 'Connection closed' || part.code === 'ECONNRESET');
}

/** Codes of Node's TLS: what is wrong, and what to do. */
const tlsProblems: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the broker's certificate has expired",
  CERT_NOT_YET_VALID: "the broker's certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the broker's certificate is for another host: connect by a name it holds, or set servername",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the broker's certificate is signed by itself: give it as ca",
  SELF_SIGNED_CERT_IN_CHAIN: "the broker's certificate comes from an unknown authority: give that one as ca",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the broker's certificate comes from an unknown authority: give that one as ca",
  UNABLE_TO_GET_ISSUER_CERT: "the broker's certificate comes from an unknown authority: give that one as ca",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the broker's certificate comes from an unknown authority: give that one as ca",
  CERT_SIGNATURE_FAILURE: "the signature of the broker's certificate is wrong",
  CERT_UNTRUSTED: "the broker's certificate is not trusted",
  CERT_REVOKED: "the broker's certificate was revoked",
  ERR_SSL_WRONG_VERSION_NUMBER: 'this port speaks plain text, not TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'this port speaks plain text, not TLS',
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: 'no TLS version is left to offer',
};

/** The error of settings that make no TLS: INVALID_CONFIG, before any connection is tried. */
export function errorOfTlsSettings(error: unknown): TributaryError {
  const code = (error as ErrorPart).code ?? '';
  const message = error instanceof Error ? error.message : String(error);
  const problem = tlsSettingProblems[code] ?? tlsSettingProblems[message] ?? message;
  return new TributaryError('INVALID_CONFIG', `Cannot use the settings of tls: ${problem}`, { cause: error });
}

const tlsSettingProblems: Readonly<Record<string, string>> = {
  ERR_OSSL_PEM_NO_START_LINE: 'ca, cert or key is not PEM',
  ERR_OSSL_BAD_DECRYPT: 'the passphrase of the key is wrong or missing',
  ERR_OSSL_UNSUPPORTED: 'the key cannot be read; its passphrase may be wrong',
  ERR_OSSL_BAD_PASSWORD_READ: 'the key is encrypted: give its passphrase',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'cert and key do not belong together',
  'mac verify failure': 'the passphrase of the PKCS #12 store is wrong',
  ERR_CRYPTO_UNSUPPORTED_OPERATION:
    'the PKCS #12 store is written with a cipher that is no longer used: make a new one with keytool of Java 17 or newer',
  'not enough data': 'pfx is no PKCS #12 store',
};

/** Alerts that the broker ends the connection with (RFC 8446, 6.2), by number: they come as text of OpenSSL. */
const tlsAlerts: Readonly<Record<string, string>> = {
  40: 'the broker found no cipher or certificate to agree on',
  42: 'the broker wants a client certificate, or another one: give cert and key',
  43: 'the broker does not take this kind of client certificate',
  44: 'our client certificate was revoked',
  45: 'our client certificate has expired',
  46: 'the broker refused our client certificate',
  48: 'the broker does not know the authority of our client certificate',
  70: 'the broker takes none of our TLS versions',
  112: 'the broker does not know itself by that servername',
  116: 'the broker wants a client certificate: give cert and key',
};

function tlsError(parts: readonly ErrorPart[], facts: ConnectionFacts, cause: unknown): TributaryError | undefined {
  for (const part of parts) {
    const problem = tlsProblemOf(part);
    if (problem === undefined) continue;
    return new TributaryError('AUTHENTICATION_FAILED', `Cannot connect to ${facts.address}: ${problem}`, {
      cause: part,
    });
  }
  if (!facts.tls) return undefined;
  if (parts.some((part) => /secure TLS connection was established/.test(part.message)))
    return new TributaryError(
      'BROKER_UNAVAILABLE',
      `Cannot connect to ${facts.address}: it ended the TLS handshake; it may speak plain text, or want a client certificate`,
      { cause, retriable: true },
    );
  return undefined;
}

function tlsProblemOf({ code = '', message }: ErrorPart): string | undefined {
  if (message === 'Broker requires TLS.') return 'this port speaks TLS only: set tls';
  if (code === 'EPROTO' && /wrong version number|packet length too long/i.test(message))
    return tlsProblems['ERR_SSL_WRONG_VERSION_NUMBER'];
  const alert = /SSL alert number (\d+)/.exec(message)?.[1];
  return tlsProblems[code] ?? tlsAlerts[alert ?? ''];
}

function protocolError(
  parts: readonly ErrorPart[],
  facts: ConnectionFacts,
  cause: unknown,
): TributaryError | undefined {
  const protocol = parts.find((part) => part.apiCode !== undefined && part.apiCode !== 0);
  if (protocol?.apiCode !== undefined)
    return errorOfCode(protocol.apiCode, `use ${facts.address}`, protocol.serverErrorMessage);
  const unreadable = parts.find(
    (part) =>
      part instanceof RangeError ||
      part instanceof TypeError ||
      part.code === 'OUT_OF_BOUNDS' ||
      part.code === 'PLT_KFK_UNEXPECTED_CORRELATION_ID',
  );
  if (unreadable === undefined || unreadable.code?.startsWith('ERR_SOCKET') === true) return undefined;
  return new TributaryError('PROTOCOL_ERROR', `Cannot read what ${facts.address} answered: ${unreadable.message}`, {
    cause,
  });
}

function networkError(parts: readonly ErrorPart[], facts: ConnectionFacts, cause: unknown): TributaryError {
  // Only the innermost parts say something that the address before them does not.
  const known = parts.findLast((part) => part.code !== undefined && /^E[A-Z]+$/.test(part.code));
  const problem = known === undefined ? hintOf(parts.at(-1)?.message ?? String(cause), facts) : known.message;
  return new TributaryError('BROKER_UNAVAILABLE', `Cannot reach ${facts.address}: ${problem}`, {
    cause: known ?? cause,
    retriable: true,
  });
}

/** A broker that wants something else than we bring often says nothing at all. */
function hintOf(message: string, facts: ConnectionFacts): string {
  if (!/^Connection closed/.test(message)) return message;
  if (facts.isProven === true) return 'it closed the connection';
  if (!facts.tls) return 'it closed the connection; if this port speaks TLS or SASL, set tls or sasl';
  return 'it closed the connection; it may want a client certificate (cert and key) or SASL';
}

/** What Kafka Connect answers when it refuses: `error_code` is the HTTP status. */
export interface ErrorBody {
  readonly error_code: number;
  readonly message: string;
}

const phrases: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
};

export function errorBody(status: number, message: string): ErrorBody {
  return { error_code: status, message };
}

/** The body of a refusal that the HTTP layer makes by itself: unknown path, verb or content type. */
export function statusError(status: number): ErrorBody {
  return errorBody(status, `HTTP ${status} ${phrases[status] ?? 'Error'}`);
}

/** The body as an error, or undefined where something else than a worker answered. */
export function parseErrorBody(body: unknown): ErrorBody | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { error_code: code, message } = body as Readonly<Record<string, unknown>>;
  return typeof code === 'number' && typeof message === 'string' ? { error_code: code, message } : undefined;
}

import { describeError, isError } from '../base/errors.ts';

/** Why a connection was not made or did not last: a label for metrics (few of them) and a text for people. */
export interface Cause {
  readonly label: string;
  readonly text: string;
}

/** Of an error that Node.js, a proxy's agent or the outbound policy gave. */
export function causeOf(error: unknown, throughProxy: boolean): Cause {
  const { code = '' } = error as NodeJS.ErrnoException;
  const text = describeError(error);
  if (isError(error, 'OUTBOUND_FORBIDDEN')) return { label: 'forbidden', text };
  if (/CERT|SELF_SIGNED|UNABLE_TO|^ERR_TLS|^ERR_SSL|EPROTO|HOSTNAME_MISMATCH|CONFIG_INVALID/.test(code))
    return { label: 'tls_failed', text: `TLS: ${text}` };
  if (throughProxy && (code === '' || /^(ECONNREFUSED|ENOTFOUND|ECONNRESET)$/.test(code)))
    return { label: 'proxy_failed', text: `proxy: ${text}` };
  return { label: 'connect_failed', text };
}

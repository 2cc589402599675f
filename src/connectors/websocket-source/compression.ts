/** Agreement on permessage-deflate (RFC 7692, 7.1). We only receive compressed messages: what we send is small and plain. */
import type { InflaterOptions } from './inflater.ts';

/** What the upgrade request offers. The server may choose the window of what we send, which is never compressed. */
export const deflateOffer = 'permessage-deflate; client_max_window_bits';

export type Agreement =
  | { readonly ok: true; readonly deflate: InflaterOptions | null }
  | { readonly ok: false; readonly problem: string };

/** Reads the server's Sec-WebSocket-Extensions. */
export function readExtensions(header: string | undefined, offered: boolean): Agreement {
  if (header === undefined || header.trim() === '') return { ok: true, deflate: null };
  if (!offered) return refuse('an extension that was not offered');
  const [name, ...parameters] = header.split(';').map((part) => part.trim());
  if (header.includes(',') || name !== 'permessage-deflate') return refuse('an extension that was not offered');
  let noContextTakeover = false;
  let windowBits = 15;
  const seen = new Set<string>();
  for (const parameter of parameters) {
    const [key = '', quoted] = parameter.split('=').map((part) => part.trim());
    const value = quoted?.replace(/^"(.*)"$/, '$1');
    if (seen.has(key)) return refuse(`the parameter ${JSON.stringify(key)} twice`);
    seen.add(key);
    const bits = value !== undefined && /^(8|9|1[0-5])$/.test(value) ? Number(value) : undefined;
    if (key === 'server_no_context_takeover' && value === undefined) noContextTakeover = true;
    else if (key === 'client_no_context_takeover' && value === undefined) continue;
    else if (key === 'server_max_window_bits' && bits !== undefined) windowBits = bits;
    else if (key === 'client_max_window_bits' && bits !== undefined) continue;
    else return refuse(`the parameter ${JSON.stringify(parameter.slice(0, 50))}`);
  }
  // zlib inflates a window of 8 bits only as one of 9.
  return { ok: true, deflate: { noContextTakeover, windowBits: Math.max(windowBits, 9) } };
}

function refuse(what: string): Agreement {
  return { ok: false, problem: `server answered with ${what} in Sec-WebSocket-Extensions` };
}

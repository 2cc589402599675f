/** The source's own connection as a client that sends back each message it gets, for suites that judge clients by their echo. */
import { dial } from '../../src/connectors/websocket-source/dial.ts';
import { encodeFrame } from '../../src/connectors/websocket-source/frame-writer.ts';
import { Link } from '../../src/connectors/websocket-source/link.ts';
import { settingsOf } from '../../src/connectors/websocket-source/settings.ts';
import { unrestricted } from '../../src/net/outbound-policy.ts';
import { TlsTrust } from '../../src/net/tls-trust.ts';

/** How long the server may take to end a connection behind a close frame, as in the task. */
const closeTimeoutMs = 2000;

/** The text messages that came until the connection ended; each message was sent back. */
export function echoUntilEnd(url: string): Promise<string[]> {
  const settings = settingsOf({ 'websocket.url': url, 'kafka.topic': 't', 'websocket.message.max.bytes': '67108864' });
  const texts: string[] = [];
  return new Promise((resolve, reject) => {
    dial({
      ...{ url, target: settings.target, headers: [], subprotocols: [], subprotocolRequired: false, compression: true },
      route: { proxy: null, tls: new TlsTrust(settings.tls), outbound: unrestricted },
      nowMs: () => Date.now(),
      events: {
        connected() {},
        refused: ({ status }) => reject(new Error(`refused with ${status}`)),
        invalid: (problem) => reject(new Error(problem)),
        ended: ({ text }) => reject(new Error(text)),
        upgraded({ socket, read, head, deflate }) {
          const echo = (payload: Uint8Array, binary: boolean): boolean => {
            if (!binary) texts.push(Buffer.from(payload).toString());
            socket.write(encodeFrame(binary ? 0x2 : 0x1, payload));
            return true;
          };
          // What the task's states say to these events; here nothing follows the end.
          const close = (code: number, reason: string): void => {
            link.close(code, reason);
            setTimeout(() => link.destroy(), closeTimeoutMs).unref();
          };
          const link = new Link({
            ...{ socket, read, head, deflate, maxMessageBytes: settings.maxMessageBytes, intake: receiver(echo) },
            monotonicMs: () => performance.now(),
            events: {
              closeReceived: (code) => close(code === 1005 || code === 1006 ? 1000 : code, ''),
              malformed: (fault) => close(fault.closeCode, fault.message),
              ended: () => resolve(texts),
              paused() {},
            },
          });
        },
      },
    });
  });
}

/** Each message one by one, no matter how many; none is kept. */
function receiver(
  message: (payload: Uint8Array, binary: boolean) => boolean,
): ConstructorParameters<typeof Link>[0]['intake'] {
  return {
    message,
    texts: { records: 0, bytes: 0, isFull: false, take: () => false },
    isFull: false,
    isHolding: false,
    keepsViews: false,
    begin() {},
    settle: () => true,
    abandon() {},
    opened() {},
    closed() {},
  };
}

import type { NamedConnector } from './config/app-config.ts';
import { demoPrices } from './demo.ts';

export interface Running {
  readonly version: string;
  readonly broker: string;
  /** Of the REST interface; undefined where there is none. */
  readonly url: string | undefined;
  /** Of the gateway. */
  readonly gateway?: string | undefined;
  readonly exchange: string | undefined;
  readonly connectors: readonly NamedConnector[];
  /** How the program is called here: `npx tributary` in a checkout, else `tributary`. */
  readonly program: string;
}

const usualUrl = 'http://127.0.0.1:8083';

/** What runs, and lines that can be pasted into another terminal. */
export function welcome({ version, broker, url, gateway, exchange, connectors, program }: Running): string {
  const rows = [
    ['broker', broker],
    ...(exchange === undefined ? [] : [['exchange', `${exchange} (ours, it makes up trades)`]]),
    ...connectors.map(({ name, config }) => ['connector', describe(name, config)]),
    ...(url === undefined ? [] : [['REST', url]]),
    ...(gateway === undefined ? [] : [['gateway', gateway]]),
    ...(gateway === undefined || exchange === undefined ? [] : [['page', `${gateway}/demo (live trades)`]]),
  ];
  const more = url === undefined || url === usualUrl ? '' : ` --url ${url}`;
  const topic = connectors
    .map(({ config }) => config['kafka.topic'] ?? config['topic'])
    .find((name) => name !== undefined);
  const topics = [...(topic === undefined ? [] : [topic]), ...(exchange === undefined ? [] : [demoPrices])];
  const look =
    url === undefined
      ? gateway === undefined
        ? []
        : [`curl -s ${gateway}/v1/topics`, `curl -N "${gateway}/v1/sse?topic=TOPIC&from=earliest"`]
      : [
          ...topics.map((name) => `${program} tap ${name}${more}`),
          `${program} topics list${more}`,
          connectors[0] === undefined
            ? `curl -s ${url}/connectors`
            : `curl -s ${url}/connectors/${connectors[0].name}/status`,
          `curl -s ${url}/metrics`,
        ];
  return [
    `Tributary ${version}`,
    ...rows.map(([what, text]) => `  ${what!.padEnd(9)}  ${text!}`),
    ...(look.length > 0 ? ['', 'Look from another terminal:', ...look.map((line) => `  ${line}`)] : []),
    '',
    'Ctrl-C stops it.',
    '',
  ].join('\n');
}

function describe(name: string, config: Readonly<Record<string, string>>): string {
  const url = config['websocket.url'];
  const topic = config['kafka.topic'];
  return url === undefined || topic === undefined ? name : `${name}: ${withoutSecrets(url)} to topic "${topic}"`;
}

/** Of a URL only where it leads: user, password and query may hold tokens. */
function withoutSecrets(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').replace(/\?.*$/s, '?…');
}

/** `sql: [vwap.sql]` of a configuration file: each script is a connector of class sql, named after its file. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { NamedConnector } from './app-config.ts';

export interface SqlApplication extends NamedConnector {
  /** As the configuration names it. */
  readonly file: string;
}

export interface SqlApplications {
  readonly applications: readonly SqlApplication[];
  readonly problems: readonly string[];
}

/** What the scripts say is checked with the other connectors. Relative paths start from the folder. */
export function readSqlApplications(
  files: readonly string[],
  folder: string,
  connectorNames: readonly string[],
): SqlApplications {
  const applications: SqlApplication[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const path = resolve(folder, file);
    const name = basename(file).replace(/\.sql$/i, '');
    const other = applications.find((application) => application.name === name);
    if (!existsSync(path)) problems.push(`cannot read "${file}": there is no such file`);
    else if (!statSync(path).isFile()) problems.push(`cannot read "${file}": it is no file`);
    else if (other !== undefined) problems.push(`"${other.file}" and "${file}" would both be the connector "${name}"`);
    else if (connectorNames.includes(name))
      problems.push(`"${file}" would be the connector "${name}", and there is one of that name`);
    else
      applications.push({ name, file, config: { 'connector.class': 'sql', 'sql.text': readFileSync(path, 'utf8') } });
  }
  return { applications, problems };
}

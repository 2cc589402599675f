import type { Command } from './command.ts';
import { connect } from './connect.ts';
import { apply } from './connectors/apply.ts';
import { describe } from './connectors/describe.ts';
import { get } from './connectors/get.ts';
import { pause, remove, resume, stop } from './connectors/lifecycle.ts';
import { loggersGet, loggersSet } from './connectors/loggers.ts';
import { offsetsGet, offsetsReset, offsetsSet } from './connectors/offsets.ts';
import { patch } from './connectors/patch.ts';
import { plugins } from './connectors/plugins.ts';
import { restart } from './connectors/restart.ts';
import { copy } from './copy.ts';
import { dryRun } from './dry-run.ts';
import { gateway } from './gateway.ts';
import { hashPassword } from './hash-password.ts';
import { produce } from './produce.ts';
import { spoolInspect } from './spool-inspect.ts';
import { spoolLs } from './spool-ls.ts';
import { sqlCheck, sqlExplain, sqlRepl, sqlRun, sqlTest } from './sql.ts';
import { start } from './start.ts';
import { tap } from './tap.ts';
import { topicsCreate } from './topics-create.ts';
import { topicsDelete } from './topics-delete.ts';
import { topicsDescribe } from './topics-describe.ts';
import { topicsList } from './topics-list.ts';
import { validate } from './validate.ts';
import { version } from './version.ts';

/** In the order of the help text. */
export const commands: readonly Command[] = [
  start,
  connect,
  gateway,
  validate,
  dryRun,
  tap,
  produce,
  topicsList,
  topicsCreate,
  topicsDescribe,
  topicsDelete,
  copy,
  spoolLs,
  spoolInspect,
  sqlRun,
  sqlCheck,
  sqlExplain,
  sqlTest,
  sqlRepl,
  get,
  describe,
  apply,
  patch,
  restart,
  pause,
  resume,
  stop,
  remove,
  offsetsGet,
  offsetsSet,
  offsetsReset,
  loggersGet,
  loggersSet,
  plugins,
  hashPassword,
  version,
];

import type { Command } from './command.ts';
import { connect } from './connect.ts';
import { copy } from './copy.ts';
import { dryRun } from './dry-run.ts';
import { produce } from './produce.ts';
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
  validate,
  dryRun,
  tap,
  produce,
  topicsList,
  topicsCreate,
  topicsDescribe,
  topicsDelete,
  copy,
  version,
];

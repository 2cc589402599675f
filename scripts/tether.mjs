// Loaded into a child of run-child.mjs: when the process that started it is gone, however it ended, this one stops as well.
import { Socket } from 'node:net';

// Children of this process inherit --import and may inherit the variable, but not the pipe: it names whose child is meant.
const [descriptor, parent] = (process.env.TRIBUTARY_TETHER ?? '').split(':').map(Number);
delete process.env.TRIBUTARY_TETHER;
if (parent === process.ppid) {
  const pipe = new Socket({ fd: descriptor, readable: true, writable: false });
  const stop = () => {
    process.kill(process.pid, 'SIGTERM');
    // A test runner does not pass SIGTERM on to everything it started; nothing of this group may stay behind.
    setTimeout(() => process.kill(0, 'SIGKILL'), 6000).unref();
  };
  pipe.on('close', stop).on('error', () => {});
  pipe.resume();
  pipe.unref();
}

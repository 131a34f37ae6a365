/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP, with its name; those signals then do not end the process by themselves. A second
 * SIGINT is somebody who does not want to wait for an orderly end: the process ends at once, and the kernel ends its children.
 */
export function stopRequested(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = 0
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (signal === 'SIGINT' && ++asked > 1) process.exit(130)
        resolve(signal)
      })
    }
  })
}

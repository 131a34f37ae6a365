/** One Ctrl-C may come as several signals: from the terminal to the whole group, and once more from each program in between that hands it on. */
const ONE_CTRL_C_MS = 1_000

/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP, with its name; those signals then do not end the process by themselves. A later second
 * Ctrl-C is somebody who does not want to wait for an orderly end: the process ends at once, and the kernel ends its children.
 */
export function stopRequested(now: () => number = () => performance.now()): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstMs: number | undefined
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        firstMs ??= now()
        if (signal === 'SIGINT' && now() - firstMs > ONE_CTRL_C_MS) process.exit(130)
        resolve(signal)
      })
    }
  })
}

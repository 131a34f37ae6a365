/** Flags of every Maven call: no questions, a wrong checksum is an error, and no thousand progress lines where there is no terminal. */
export const MAVEN_FLAGS = [
  '--batch-mode',
  '--strict-checksums',
  ...(process.stderr.isTTY ? [] : ['--no-transfer-progress', '--quiet']),
]

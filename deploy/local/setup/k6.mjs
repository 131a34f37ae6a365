import { existsSync } from 'node:fs'
import path from 'node:path'
import { cached } from './cache.mjs'
import { runVisibly } from './run.mjs'
import { SetupError } from './setup-error.mjs'

const VERSION = '1.8.1'

/**
 * The `k6` program: `MILLRACE_K6`, else the one on the PATH, else built once from its Go module into the cache (a minute or two).
 *
 * @param {{ cache: string, say: (line: string) => void, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<string>}
 */
export async function installK6({ cache, say, env }) {
  if (env.MILLRACE_K6) return env.MILLRACE_K6
  const onPath = findOnPath('k6', env)
  if (onPath !== undefined) return onPath
  const go = findOnPath('go', env)
  if (go === undefined) {
    throw new SetupError(
      'k6 is not on the PATH, and neither is Go, which would build it.',
      'apt-get install golang-go   # Go 1.24 or later; or put k6 on the PATH',
    )
  }
  const dir = await cached({
    cache,
    name: `k6-${VERSION}`,
    say,
    build: (draft) => build(go, draft, { cache, say, env }),
  })
  const program = path.join(dir, 'k6')
  if (!existsSync(program)) throw new SetupError(`${dir} holds no k6 any more.`, `rm -r ${dir}`)
  return program
}

async function build(go, draft, { cache, say, env }) {
  // `-p` is left to Go; `-modcacherw` lets the sources be removed by whoever cleans the cache.
  const built = await runVisibly({
    title: `Building k6 ${VERSION} with Go`,
    command: 'env',
    args: [
      `GOBIN=${draft}`,
      `GOPATH=${path.join(cache, 'go')}`,
      go,
      'install',
      '-modcacherw',
      `go.k6.io/k6@v${VERSION}`,
    ],
    say,
  })
  if (!built) {
    const hint = `${env.HOME ? '' : 'HOME=/root '}GOBIN=/usr/local/bin go install go.k6.io/k6@v${VERSION}`
    throw new SetupError('k6 could not be built; the reason is above.', hint)
  }
}

function findOnPath(name, env) {
  const folders = (env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file))
}

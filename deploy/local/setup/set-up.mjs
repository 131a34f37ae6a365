import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { cacheDir } from './cache.mjs'
import { installDependencies } from './dependencies.mjs'
import { installKafka } from './kafka.mjs'
import { checkPrerequisites, findJava } from './prerequisites.mjs'
import { installRedis } from './redis.mjs'
import { installRegistry } from './registry.mjs'

/**
 * Brings a machine that has only Node, npm, a JDK and Maven to the point where the stack and the tests run. Quiet and quick when
 * nothing is missing. What was found or installed is written to `.millrace/tools.json`, which the starters in deploy/local/src/servers read.
 *
 * @param {{ root: string, needs: 'dependencies' | 'everything', say: (line: string) => void }} options
 */
export async function setUp({ root, needs, say }) {
  const cache = cacheDir(process.env)
  await checkPrerequisites({ needs })
  await installDependencies({ root, say })
  if (needs === 'dependencies') return
  const tools = {
    java: await findJava(),
    kafkaLibs: await installKafka({ cache, say }),
    registryHome: await installRegistry({ cache, say }),
    redisServer: await installRedis({ cache, say }),
  }
  await writeIfChanged(path.join(root, '.millrace/tools.json'), `${JSON.stringify(tools, null, 2)}\n`)
}

async function writeIfChanged(file, text) {
  const present = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (present === text) return
  await mkdir(path.dirname(file), { recursive: true })
  const draft = `${file}.${process.pid}`
  await writeFile(draft, text)
  await rename(draft, file)
}

import { readdirSync } from 'node:fs'
import path from 'node:path'

const tops = ['libs', 'services', 'deploy', 'loadtest', 'tests']
const left = new Set(['node_modules', '.millrace', 'results', 'golden'])

/** All program files of the checkout, as sorted paths from its root, with slashes. */
export function sourceFiles(root: string): string[] {
  return tops
    .flatMap((top) => walk(root, top))
    .filter((file) => /\.m?[jt]s$/.test(file))
    .sort()
}

function walk(root: string, folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (left.has(entry.name)) return []
    const file = `${folder}/${entry.name}`
    return entry.isDirectory() ? walk(root, file) : [file]
  })
}

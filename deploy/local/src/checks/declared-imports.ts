import { readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { isTest, roomOf } from './import-rules.ts'

/** What this check reads of a package.json. */
export type Manifest = {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/**
 * The packages that a file of a workspace imports and its package.json does not name: what its source imports under `dependencies`, what only
 * its tests import there or under `devDependencies`. Such packages are found today because npm lays those of all workspaces side by side; with
 * the next install, or in an image of one service, they are not.
 */
export function undeclaredImports(file: string, text: string, manifest: Manifest): string[] {
  const { name, dependencies, devDependencies } = manifest
  const declared = new Set([name, ...Object.keys({ ...dependencies, ...(isTest(file) ? devDependencies : {}) })])
  const imported = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => packageOf(fileName))
  return [...new Set(imported)].filter((each) => each !== undefined && !declared.has(each)) as string[]
}

/** The complaints about all files, each of which is a path from the root of the checkout. */
export function declarationProblems(root: string, files: readonly string[]): string[] {
  const manifests = new Map<string, Manifest>()
  const manifestOf = (room: string): Manifest => {
    const known = manifests.get(room) ?? JSON.parse(readFileSync(path.join(root, room, 'package.json'), 'utf8'))
    manifests.set(room, known)
    return known
  }
  return files.flatMap((file) => {
    const room = roomOf(file)
    const where = isTest(file) ? 'does not name' : 'does not name under "dependencies"'
    return undeclaredImports(file, readFileSync(path.join(root, file), 'utf8'), manifestOf(room)).map(
      (name) => `${file}: imports ${name}, which ${room}/package.json ${where}`,
    )
  })
}

/** `@scope/name` or `name`; undefined for files, for what Node brings and for what k6 brings. */
function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith('.') || specifier.startsWith('node:')) return undefined
  const [first = '', second = ''] = specifier.split('/')
  if (first === 'k6') return undefined
  return first.startsWith('@') ? `${first}/${second}` : first
}

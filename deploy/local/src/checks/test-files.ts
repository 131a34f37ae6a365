import { sourceFiles } from './source-files.ts'

export type TestFiles = { readonly fast: readonly string[]; readonly heavy: readonly string[] }

/**
 * The test files of all rooms. Heavy are those that kill and restart whole sets of servers: they run after the others and one by one,
 * so that none of them fails because another took its processor.
 * `filters` are parts of paths; with none, all files are taken.
 */
export function testFiles(root: string, filters: readonly string[]): TestFiles {
  const files = sourceFiles(root)
    .filter((file) => /\.test\.m?ts$/.test(file))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter.replace(/^\.\//, ''))))
  return { fast: files.filter((file) => !isHeavy(file)), heavy: files.filter(isHeavy) }
}

function isHeavy(file: string): boolean {
  return file.startsWith('tests/') || /^services\/[^/]+\/test\/(.*\/)?crash[^/]*\.test\.ts$/.test(file)
}

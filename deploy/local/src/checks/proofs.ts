import path from 'node:path'

/**
 * Complaints about tests that a text names as its proof and that are not there: in program files the paths after "Proved
 * by", in documents every path that ends in `.test.ts`. Paths begin at the checkout or at the file's workspace; a bare
 * name stands in the folder of the path before it.
 */
export function proofProblems(file: string, text: string, exists: (file: string) => boolean): string[] {
  if (file.includes('/test/')) return []
  const passages = file.endsWith('.md')
    ? text.split('\n')
    : [...text.matchAll(/Prove[dn] by[^.]*(?:\.[^\s][^.]*)*\./g)].map(String)
  const workspace = file
    .split('/')
    .slice(0, file.startsWith('tests/') ? 1 : 2)
    .join('/')
  return passages.flatMap((passage) => {
    let folder = ''
    return [...passage.matchAll(/[\w./-]+\.test\.ts/g)].flatMap(([name]) => {
      const places = name.includes('/') ? [name, `${workspace}/${name}`] : [`${folder}/${name}`]
      const found = places.find(exists)
      if (found === undefined) return [`${file}: there is no ${name}, which it names as a proof`]
      folder = path.posix.dirname(found)
      return []
    })
  })
}

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { WarehouseKind } from '@millrace/domain/words.ts'
import { type Grantee, readNames, type SetUpStep } from '@millrace/warehouses/set-up/set-up-guide.ts'
import { shellWord } from '@millrace/warehouses/set-up/shell-command.ts'
import { warehouseDrivers } from '@millrace/warehouses/warehouse-drivers.ts'
import fc from 'fast-check'

const grantee: Grantee = {
  externalId: 'mr-0123456789abcdef',
  awsPrincipalArn: 'arn:aws:iam::999999999999:user/millrace',
}
const cluster = {
  awsAccountId: '123456789012',
  region: 'eu-central-1',
  clusterId: 'shop-cluster',
  database: 'shop',
  roleName: 'millrace',
  stagingBucket: 'shop-millrace',
  schema: 'public',
}
const { clusterId: _, ...place } = cluster

/** What each guide shows for names of every day; set UPDATE_GOLDEN=1 to write them after a wanted change. */
const samples: readonly (readonly [WarehouseKind, file: string, names: Record<string, string>])[] = [
  ['postgres', 'set-up', { database: 'shop' }],
  [
    'bigquery',
    'set-up',
    {
      projectId: 'my-project-123',
      serviceAccount: 'millrace@my-project-123.iam.gserviceaccount.com',
      location: 'EU',
      dataset: 'shop',
    },
  ],
  ['redshift', 'set-up-cluster', { ...cluster, dbUser: 'millrace' }],
  ['redshift', 'set-up-cluster-as-role', cluster],
  [
    'redshift',
    'set-up-workgroup',
    { ...place, region: 'us-east-1', workgroupName: 'shop', iamRoleArn: 'arn:aws:iam::123456789012:role/unloader' },
  ],
]

for (const [kind, name, names] of samples) {
  test(`the set-up of ${kind} is the one that was agreed on: ${name}`, () => {
    const file = new URL(`../src/${kind}/golden/${name}.txt`, import.meta.url)
    const text = textOf(stepsOf(kind, names))
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, text)
    assert.equal(readFileSync(file, 'utf8'), text)
  })
}

describe('names in the statements of a set-up', () => {
  const nasty = [
    `a"b`,
    `a'b`,
    'a b',
    '$(touch x)',
    '`touch x`',
    'a;b',
    '"; DROP TABLE t; --',
    "'; x",
    'ä"-',
    '*',
    '!!',
    '~',
  ]
  const anyName = fc.oneof(
    fc.constantFrom(...nasty),
    fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(...`"'\`$();\\ -ab`) }),
    fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }),
  )
  const freeNames: readonly (readonly [WarehouseKind, string, Record<string, string>])[] = [
    ['postgres', 'user', { database: 'shop' }],
    ['postgres', 'database', { database: 'shop' }],
    ['postgres', 'schema', { database: 'shop' }],
    ['redshift', 'schema', cluster],
  ]
  for (const [kind, field, names] of freeNames) {
    test(`${kind}: a ${field} of any kind stays one name, or is refused with its field`, () => {
      const benign = skeletonOf(stepsOf(kind, { ...names, [field]: 'benign' }))
      fc.assert(
        fc.property(anyName, (name) => {
          const answer = readNames(guideOf(kind), { ...names, [field]: name })
          if (!answer.ok) {
            assert.deepEqual(
              answer.problems.map(({ path }) => path),
              [`/${field}`],
            )
            return
          }
          const skeleton = skeletonOf(guideOf(kind).steps(answer.names, grantee))
          assert.deepEqual(
            skeleton,
            benign.map((part) => (part === '"benign"' ? `"${name.replaceAll('"', '""')}"` : part)),
          )
        }),
      )
    })
  }

  const strict: readonly (readonly [WarehouseKind, Record<string, string>])[] = [
    ['bigquery', samples[1]![2]],
    ['redshift', { ...cluster, dbUser: 'millrace', stagingSchema: 'm', bucketPrefix: 'm/', policyName: 'p' }],
  ]
  for (const [kind, names] of strict) {
    for (const field of Object.keys(names).filter((each) => kind !== 'redshift' || each !== 'schema')) {
      test(`${kind}: ${field} with quotes, blanks or $() is refused, with its name`, () => {
        for (const name of nasty) {
          const answer = readNames(guideOf(kind), { ...names, [field]: name })
          assert.ok(!answer.ok, name)
          assert.deepEqual([...new Set(answer.problems.map(({ path }) => path))], [`/${field}`])
        }
      })
    }
  }

  test('a shell takes any text as one word, and runs nothing of it', () => {
    fc.assert(
      fc.property(fc.array(anyName, { minLength: 1, maxLength: 20 }), (all) => {
        const words = all.filter((word) => !word.includes('\0') && word.isWellFormed())
        const out = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')} end`])
        assert.deepEqual(out.toString('utf8').split('\0').slice(0, -1), [...words, 'end'])
      }),
      { numRuns: 50 },
    )
  })

  test('a role that is called like an option stays a name, and documents arrive whole', () => {
    const steps = stepsOf('redshift', { ...cluster, roleName: '--debug', policyName: '-p' })
    for (const { id, statements } of steps) {
      const command = statements.find(({ language }) => language === 'shell')
      if (command === undefined) continue
      const out = execFileSync('sh', ['-c', `aws() { printf '%s\\0' "$@"; }\n${command.text}`]).toString('utf8')
      const words = out.split('\0')
      assert.ok(!words.includes('--debug') && !words.includes('-p'), id)
      const document = statements.find(({ language }) => language === 'json')?.text
      const inline = words.find((word) => word.startsWith('{'))
      assert.deepEqual(
        inline === undefined ? null : JSON.parse(inline),
        document === undefined ? null : JSON.parse(document),
      )
    }
  })

  test('unknown and missing fields are named, and what must be there together', () => {
    const problems = (names: Record<string, unknown>) => {
      const answer = readNames(guideOf('redshift'), names)
      return answer.ok ? [] : answer.problems.map(({ path }) => path)
    }
    assert.deepEqual(problems({ ...place, password: 'x', region: 7 }), ['/password', '/region'])
    assert.deepEqual(problems(place), ['/clusterId'])
    assert.deepEqual(problems({ ...cluster, roleName: 'r'.repeat(60) }), ['/roleName'])
    assert.deepEqual(
      problems({ ...cluster, roleName: 'r'.repeat(60), iamRoleArn: 'arn:aws:iam::123456789012:role/u' }),
      [],
    )
  })

  test('China and GovCloud have partitions of their own', () => {
    assert.match(textOf(stepsOf('redshift', { ...cluster, region: 'cn-north-1' })), /arn:aws-cn:s3:::shop-millrace/)
    assert.match(textOf(stepsOf('redshift', { ...cluster, region: 'us-gov-west-1' })), /arn:aws-us-gov:redshift/)
  })
})

function guideOf(kind: WarehouseKind) {
  return warehouseDrivers[kind].setUp
}

function stepsOf(kind: WarehouseKind, names: Record<string, string>): readonly SetUpStep[] {
  const answer = readNames(guideOf(kind), names)
  assert.ok(answer.ok, JSON.stringify(answer))
  return guideOf(kind).steps(answer.names, grantee)
}

function textOf(steps: readonly SetUpStep[]): string {
  return steps
    .map(({ id, title, check, run, statements }) => {
      const head = `== ${id}: ${title}\n   check: ${check ?? 'none'}; run ${run}`
      return [head, ...statements.map(({ where, text }) => `-- ${where}\n${text}`)].join('\n')
    })
    .join('\n\n')
    .concat('\n')
}

/** All SQL cut into quoted names, quoted values and what stands between them. */
function skeletonOf(steps: readonly SetUpStep[]): readonly string[] {
  const texts = steps.flatMap(({ statements }) => statements.filter(({ language }) => language === 'sql'))
  return texts.flatMap(({ text }) => text.match(/"(?:[^"]|"")*"|'(?:[^']|'')*'|[^"']+|["']/g) ?? [])
}

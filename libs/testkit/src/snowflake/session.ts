import type { Transaction } from './transactions.ts'

/** What a login opened and USE changed; null = none chosen, or none of that name. */
export type Session = {
  readonly id: number
  readonly user: string
  role: string
  warehouse: string | null
  database: string | null
  schema: string | null
  readonly parameters: Map<string, string>
  transaction: Transaction | null
  lastQueryId: string | null
}

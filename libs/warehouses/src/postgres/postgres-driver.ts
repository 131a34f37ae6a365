import type { WarehouseDriver } from '../warehouse-driver.ts'
import { openPostgres } from './open-postgres.ts'
import { postgresOptions } from './options.ts'
import { postgresSetUp } from './set-up-steps.ts'

export const postgresDriver: WarehouseDriver = { options: postgresOptions, setUp: postgresSetUp, open: openPostgres }

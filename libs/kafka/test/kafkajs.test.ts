import { test } from 'node:test'
import { createConsumer, createProducer } from '../src/kafkajs-client.ts'
import { describeConformance } from './conformance.ts'

const jars = process.env.MILLRACE_KAFKA_LIBS
if (jars) describeConformance('kafkajs', { createProducer, createConsumer }, jars)
else test('kafkajs behind the Kafka port', { skip: 'MILLRACE_KAFKA_LIBS does not name a folder with Kafka' })

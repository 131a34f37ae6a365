import { test } from 'node:test'
import { findKafkaJars } from '@millrace/testkit/faulty-broker.ts'
import { createConsumer, createProducer } from '../src/kafkajs-client.ts'
import { describeConformance } from './conformance.ts'

const jars = findKafkaJars()
if (jars) describeConformance('kafkajs', { createProducer, createConsumer }, jars)
else test('kafkajs behind the Kafka port', { skip: 'Kafka is not set up on this machine: run npm run setup' })

import { KafkajsConsumer, type KafkajsConsumerOptions } from './kafkajs-consumer.ts'
import { KafkajsProducer, type ProducerOptions } from './kafkajs-producer.ts'
import type { Consumer, Producer } from './port.ts'

/** A producer; it connects with the first message. See Producer for what it promises. */
export function createProducer(options: ProducerOptions): Producer {
  return new KafkajsProducer(options)
}

/** Joins the group in the background and stays in it until closed; brokers may come later. */
export function createConsumer(options: KafkajsConsumerOptions): Consumer {
  return new KafkajsConsumer(options)
}

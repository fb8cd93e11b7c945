INSERT INTO log_epochs (topic, topic_id, partitions, epoch) VALUES ('ism.rooms', x'21', 12, 0), ('ism.rooms', x'22', 12, 1);

INSERT INTO log_epochs (topic, topic_id, partitions, epoch) VALUES
    ('ism.rooms', '00000000-0000-0000-0002-000000000001', 12, 0),
    ('ism.rooms', '00000000-0000-0000-0002-000000000002', 12, 1);

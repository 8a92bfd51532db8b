-- How often a message was tried, what its gateway says of it since it was taken, and the campaign it belongs to.

alter table message add column attempts bigint not null default 0;
alter table message add column provider_status text;
alter table message add column provider_rank bigint not null default -1;
alter table message add column campaign_id text;
alter table message add column recipient_id text;
create index message_provider on message (provider_id) where provider_id is not null;
create index message_campaign on message (campaign_id, state) where campaign_id is not null;
create index message_campaign_ended on message (campaign_id, ended_at) where campaign_id is not null;

#include "client/pack/level.h"

/*
 * One verdict for each STEP of bytes, by what was so for most of them.  A step
 * up is one level.  Where the last step down was made is the ceiling: to rise to
 * it again takes some patience, and twice as much each time that it was in
 * vain.  So between two levels, of which one is too low and one too high, the
 * lower is kept for most of the time.  Steps down become larger while they do
 * not help: a level that is too high costs more than one that is too low, for
 * the wire is idle.
 */

#define STEP           (16ULL * 1024 * 1024)
#define SETTLING_FIRST 1U /* until anything was too high */
#define SETTLING_UP    3U
#define SETTLING_DOWN  2U
#define PATIENCE_MAX   32U
#define FALL_MAX       4

/* Of the memory, in parts of a hundred. */
#define HIGH_SHARE 45U
#define LOW_SHARE  25U

void level_init(struct level *level, int max)
{
	*level = (struct level){
		.level = LEVEL_FIRST,
		.max = max,
		.patience = 1,
		.fall = 1,
	};
}

/* What was gathered at the old level is still there, for a while. */
static unsigned settling(const struct level *l)
{
	if (!l->has_risen)
		return SETTLING_DOWN;
	return l->ceiling > 0 ? SETTLING_UP : SETTLING_FIRST;
}

static void change(struct level *l, int level)
{
	l->has_risen = level > l->level;
	l->level = level;
	l->streak = 0;
	l->settling = settling(l);
}

static void rise(struct level *l)
{
	l->fall = 1;
	if (l->level == l->max)
		return;
	if (l->level + 1 >= l->ceiling && ++l->streak < l->patience)
		return;
	if (l->level > l->ceiling && l->patience > 1)
		l->patience /= 2;
	change(l, l->level + 1);
}

static void fall(struct level *l)
{
	l->streak = 0;
	if (l->level == 1)
		return;
	if (l->has_risen || l->level > l->ceiling)
		l->ceiling = l->level;
	if (l->has_risen && l->patience < PATIENCE_MAX)
		l->patience *= 2;
	change(l, l->level > l->fall ? l->level - l->fall : 1);
	if (l->fall < FALL_MAX)
		l->fall *= 2;
}

static void judge(struct level *l)
{
	if (l->settling > 0) {
		l->settling--;
	} else if (l->high > l->seen / 2) {
		rise(l);
	} else if (l->low > l->seen / 2) {
		fall(l);
	} else {
		l->fall = 1;
	}
	l->seen = l->high = l->low = 0;
}

int level_next(struct level *level, const struct level_sight *sight)
{
	uint64_t share = sight->held * 100 / sight->limit;

	level->seen += sight->len;
	if (share >= HIGH_SHARE && !sight->has_waited) {
		level->high += sight->len;
	} else if (share < LOW_SHARE && sight->has_waited) {
		level->low += sight->len;
	}
	if (level->seen >= STEP)
		judge(level);
	return level->level;
}

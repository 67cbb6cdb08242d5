// What every place that keeps notices does.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "adapters/memory/memory_store.h"
#include "adapters/rocksdb/rocksdb_store.h"

namespace gridloop {
namespace {

struct MemoryPlace {
  NoticeStore& store() { return *store_; }
  void Reopen() {}  // what it holds ends with the process
  std::unique_ptr<NoticeStore> store_ = std::make_unique<MemoryNotices>();
};

struct RocksdbPlace {
  RocksdbPlace() {
    std::string name = (std::filesystem::temp_directory_path() / "gridloop-notices-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    Reopen();
  }
  ~RocksdbPlace() {
    store_.reset();
    std::filesystem::remove_all(folder);
  }
  NoticeStore& store() { return *store_; }
  void Reopen() {
    store_.reset();
    auto opened = RocksdbNotices::Open(folder);
    EXPECT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  std::filesystem::path folder;
  std::unique_ptr<NoticeStore> store_;
};

template <class Place>
class Notices : public testing::Test {
 protected:
  std::string All(std::string_view prefix, std::string_view after = {}, int most = 1000) {
    std::string all;
    EXPECT_TRUE(place.store().Scan(prefix, after, [&](std::string_view key, std::string_view value) {
      all += std::string(key) + "=" + std::string(value) + " ";
      return --most > 0;
    }));
    return all;
  }
  Place place;
};
using Places = testing::Types<MemoryPlace, RocksdbPlace>;
TYPED_TEST_SUITE(Notices, Places);

TYPED_TEST(Notices, AreReadAndScannedAsTheyWereWritten) {
  auto& store = this->place.store();
  ASSERT_TRUE(store.Write({{"qa1", "one"}, {"qb1", "three"}, {"qa2", "two"}, {"xa1", ""}}));
  EXPECT_EQ(*store.Read("qa1"), "one");
  EXPECT_EQ(*store.Read("xa1"), "");
  EXPECT_FALSE(store.Read("qa")->has_value());
  EXPECT_EQ(this->All("qa"), "qa1=one qa2=two ");
  EXPECT_EQ(this->All("q", "qa1"), "qa2=two qb1=three ");
  EXPECT_EQ(this->All("q", {}, 2), "qa1=one qa2=two ");
  EXPECT_EQ(this->All("z"), "");
}

TYPED_TEST(Notices, AChangeIsMadeWholeAndTheLastOfAKeyCounts) {
  auto& store = this->place.store();
  ASSERT_TRUE(store.Write({{"a", "1"}, {"b", "1"}}));
  ASSERT_TRUE(store.Write({{"a", std::nullopt}, {"b", "2"}, {"none", std::nullopt}, {"c", "1"}, {"c", std::nullopt}}));
  EXPECT_EQ(this->All(""), "b=2 ");
  ASSERT_TRUE(store.Write({}));
}

TYPED_TEST(Notices, OutliveTheProcess) {
  ASSERT_TRUE(this->place.store().Write({{std::string("q\0\xFF", 3), std::string("\0\n", 2)}}));
  this->place.Reopen();
  EXPECT_EQ(*this->place.store().Read(std::string("q\0\xFF", 3)), std::string("\0\n", 2));
}

TEST(RocksdbNotices, OneThatIsDamagedIsMadeAnewAndASecondProcessIsRefused) {
  RocksdbPlace place;
  ASSERT_TRUE(place.store().Write({{"a", "1"}}));
  EXPECT_EQ(RocksdbNotices::Open(place.folder).error().reason, "DATA_IN_USE");
  place.store_.reset();
  for (const auto& file : std::filesystem::directory_iterator(place.folder / "notices")) {
    if (file.path().filename().string().starts_with("MANIFEST")) std::ofstream(file.path()) << "damaged";
  }
  place.Reopen();
  EXPECT_FALSE(place.store().Read("a")->has_value());
  EXPECT_TRUE(place.store().Write({{"a", "2"}}));
}

}  // namespace
}  // namespace gridloop
